#!/usr/bin/env bash
# Gets buildah, which builds images without a daemon, from the distribution's packages into a folder
# of its own (bin, lib) and prints its path. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")"
. ../once.sh

get() {
  # The libraries' names differ from release to release.
  ../unpack-packages.sh "$work/unpacked" buildah --optional \
    libgpgme11 libgpgme11t64 libassuan0 libassuan9 libgpg-error0 libseccomp2 libdevmapper1.02.1
  mkdir "$new/lib"
  mv "$work/unpacked/usr/bin" "$new/bin"
  find "$work/unpacked" -name 'lib*.so.*' -exec mv -t "$new/lib" {} +
}

once buildah-1 get
