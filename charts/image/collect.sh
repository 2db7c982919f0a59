#!/usr/bin/env bash
# Puts programs into a root file system of their own: collect.sh FOLDER PROGRAM...
#
# The programs go to usr/local/bin without debug information; the loader and the libraries that they
# are linked with go where the loader looks for them.
set -euo pipefail

[ $# -ge 2 ] || {
  echo "usage: collect.sh FOLDER PROGRAM..." >&2
  exit 1
}
folder=$1
shift

mkdir -p "$folder/usr/local/bin"
for program in "$@"; do
  strip --strip-debug -o "$folder/usr/local/bin/$(basename "$program")" "$program"
  # `libc.so.6 => /lib/… (0x…)` and, of the loader, `/lib64/… (0x…)`.
  linked=$(ldd "$program")
  if grep 'not found' <<<"$linked" >&2; then
    echo "collect.sh: $program is linked with a library that is not here" >&2
    exit 1
  fi
  while read -r library; do
    mkdir -p "$folder$(dirname "$library")"
    cp -L "$library" "$folder$library"
  done < <(grep -o '/[^ ]* (0x' <<<"$linked" | cut -d' ' -f1)
done
