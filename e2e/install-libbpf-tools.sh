#!/usr/bin/env bash
# Gets the execsnoop of BCC's libbpf-tools from the distribution's package into a folder of its own and
# prints its path. Nothing is installed.
#
#   <folder>/execsnoop
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

get() {
  ./unpack-packages.sh "$work/unpacked" libbpf-tools
  find "$work/unpacked" -path '*bin/execsnoop' -type f -exec mv -t "$new" {} +
  "$new/execsnoop" --version
}

once libbpf-tools-1 get
