#!/usr/bin/env bash
# Gets systemd and the libraries it needs from Debian's packages into a folder of its own (lib,
# lib64, usr) and prints its path. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

packages=(
  systemd libsystemd-shared libc6 libacl1 libapparmor1 libaudit1 libblkid1 libcap-ng0 libcap2 libcrypt1
  libgcrypt20 libgpg-error0 libip4tc2 libkmod2 liblz4-1 liblzma5 libmount1 libpam0g libpcre2-8-0 libseccomp2
  libselinux1 libssl3 libzstd1
)

get() {
  ./unpack-packages.sh --suite bookworm "$new" "${packages[@]}"
}

once systemd-1 get
