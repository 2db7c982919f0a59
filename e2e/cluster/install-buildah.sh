#!/usr/bin/env bash
# Gets buildah, which builds images without a daemon, from the distribution's packages into a folder
# of its own (bin, lib) and prints its path. Nothing is installed.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd
folder=$cache/buildah-1
if [ ! -d "$folder" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.buildah.lock"
  flock 9
fi
if [ ! -d "$folder" ]; then
  work=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # The libraries' names differ from release to release.
  "$(dirname "$0")/../unpack-packages.sh" "$work/unpacked" buildah --optional \
    libgpgme11 libgpgme11t64 libassuan0 libassuan9 libgpg-error0 libseccomp2 libdevmapper1.02.1
  mkdir -p "$work/new/lib"
  mv "$work/unpacked/usr/bin" "$work/new/bin"
  find "$work/unpacked" -name 'lib*.so.*' -exec mv -t "$work/new/lib" {} +
  mv "$work/new" "$folder"
fi
echo "$folder"
