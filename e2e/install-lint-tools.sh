#!/usr/bin/env bash
# Gets the tools that only `make lint` needs, cargo-deny and shellcheck, and prints their folders as a
# piece of PATH. Without shellcheck to be had, goes on without it.
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

deny=0.20.2

build_deny() {
  echo "building cargo-deny $deny (a few minutes, once)"
  # Unoptimized: it runs for seconds.
  env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET -u RUSTFLAGS \
    cargo install --quiet --locked --debug --root "$new" "cargo-deny@$deny"
}

get_shellcheck() { ./unpack-packages.sh "$new" shellcheck; }

folder=$(once cargo-deny-$deny build_deny)
path=$folder/bin
if ! command -v shellcheck >/dev/null && folder=$(once shellcheck get_shellcheck); then
  path+=:$folder/usr/bin
fi
echo "$path"
