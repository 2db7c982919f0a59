#!/usr/bin/env bash
# Gets bpftrace and its execsnoop.bt from the distribution's packages into a folder of its own and
# prints its path. Nothing is installed.
#
#   <folder>/bin/bpftrace   <folder>/execsnoop.bt   <folder>/lib: the libraries it needs
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

get() {
  # Some of the libraries' names differ from release to release.
  ./unpack-packages.sh "$work/unpacked" bpftrace \
    --optional libbpf1 libbpfcc libdw1 libelf1 libllvm14 libclang1-14 libedit2 libxml2 libz3-4
  mkdir "$new/bin" "$new/lib"
  find "$work/unpacked" -path '*/bin/bpftrace' -type f -exec mv -t "$new/bin" {} +
  find "$work/unpacked" -name execsnoop.bt -type f -exec mv -t "$new" {} +
  # What links to another folder has the file's own name, and is left where the file is.
  find "$work/unpacked" -name 'lib*.so*' -type f -exec mv -t "$new/lib" {} +
  find "$work/unpacked" -name 'lib*.so*' -type l -exec mv -n -t "$new/lib" {} +
  LD_LIBRARY_PATH=$new/lib "$new/bin/bpftrace" --version
}

once bpftrace-1 get
