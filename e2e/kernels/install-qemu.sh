#!/usr/bin/env bash
# Prints the path of a qemu that runs x86_64 machines: the machine's own, else the distribution's,
# unpacked and not installed.
set -euo pipefail
cd "$(dirname "$0")"
. ../once.sh

get() {
  ../unpack-packages.sh --with-dependencies "$new" qemu-system-x86
  mkdir "$new/bin"
  cat >"$new/bin/qemu-system-x86_64" <<'END'
#!/bin/sh
root=$(dirname "$(dirname "$0")")
libraries=$(echo "$root"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH="$libraries:$root/lib/${libraries##*/}" QEMU_MODULE_DIR="$libraries/qemu"
exec "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
END
  chmod +x "$new/bin/qemu-system-x86_64"
}

if command -v qemu-system-x86_64; then exit; fi
echo "$(once qemu-1 get)/bin/qemu-system-x86_64"
