#!/usr/bin/env bash
# Gets Lua 5.1, the language of Argo CD's health scripts, from the distribution's packages into a
# folder of its own (bin, lib) and prints its path. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

get() {
  # The libraries' names differ from release to release.
  ./unpack-packages.sh "$work/unpacked" lua5.1 --optional libreadline8 libreadline8t64
  mkdir "$new/lib"
  mv "$work/unpacked/usr/bin" "$new/bin"
  find "$work/unpacked" -name 'lib*.so.*' -exec mv -t "$new/lib" {} +
}

once lua-1 get
