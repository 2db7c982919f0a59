#!/usr/bin/env bash
# Packs what a guest of `make test-kernels` runs into an initramfs: busybox, runc, the given
# programs, and the libraries they need.
#
#   initramfs.sh FILE TRACEHERD GUEST
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

file=$(realpath "$1") traceherd=$2 guest=$3
runtimes=$("$here/../install-runtimes.sh")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root"/{dev,etc,mnt,proc,run,sys,tmp,traceherd,usr/bin,runtimes/bin,runtimes/lib}
cp -a "$runtimes/rootfs/bin" "$runtimes/rootfs/etc" "$root"
cp -a "$runtimes/rootfs" "$root/runtimes"
cp -a "$runtimes/bin/runc" "$root/runtimes/bin"
cp "$here/init.sh" "$root/init"
cp "$traceherd" "$root/traceherd/traceherd"
cp "$guest" "$root/traceherd/guest"
# The guest's containers are cleared away by the same script as on any host, and in its language.
mkdir -p "$root$(dirname "$here")"
cp "$here/../sweep.sh" "$root$(dirname "$here")"
cp "$(command -v bash)" "$(command -v rm)" "$(command -v env)" "$root/usr/bin"

for program in "$root"/traceherd/* "$root"/usr/bin/* "$root"/runtimes/bin/*; do
  # The loader has a path of its own, the others one behind an arrow; the vDSO has none.
  { LD_LIBRARY_PATH=$runtimes/lib ldd "$program" || true; } | grep -o '/[^ ]*'
done | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  [ -e "$root$library" ] || cp "$library" "$root$library"
done
# What runc found in its own folder it is to find there again.
cp -a "$runtimes"/lib/. "$root/runtimes/lib"
(cd "$root" && find . | "$runtimes/bin/busybox" cpio -o -H newc) >"$file" 2>/dev/null
