#!/usr/bin/env bash
# Gets Lua 5.1, the language of Argo CD's health scripts, from the distribution's packages into a
# folder of its own (bin, lib) and prints its path. Nothing is installed.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd
folder=$cache/lua-1
if [ ! -d "$folder" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.lua.lock"
  flock 9
fi
if [ ! -d "$folder" ]; then
  work=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # The libraries' names differ from release to release.
  "$(dirname "$0")/unpack-packages.sh" "$work/unpacked" lua5.1 --optional libreadline8 libreadline8t64
  mkdir -p "$work/new/lib"
  mv "$work/unpacked/usr/bin" "$work/new/bin"
  find "$work/unpacked" -name 'lib*.so.*' -exec mv -t "$work/new/lib" {} +
  mv "$work/new" "$folder"
fi
echo "$folder"
