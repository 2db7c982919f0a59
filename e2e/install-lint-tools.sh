#!/usr/bin/env bash
# Gets the tools that only `make lint` needs, cargo-deny and shellcheck, and prints their folders as a
# piece of PATH. Without shellcheck to be had, goes on without it.
set -euo pipefail

deny_version=0.20.2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd
deny=$cache/cargo-deny-$deny_version
shellcheck=$cache/shellcheck

mkdir -p "$cache"
exec 9>"$cache/.lint-tools.lock"
flock 9

if [ ! -x "$deny/bin/cargo-deny" ]; then
  echo "building cargo-deny $deny_version into $deny (a few minutes)" >&2
  # Unoptimized: it runs for seconds.
  env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET -u RUSTFLAGS \
    cargo install --quiet --locked --debug --root "$deny" "cargo-deny@$deny_version" >&2
fi

if ! command -v shellcheck >/dev/null && [ ! -x "$shellcheck/usr/bin/shellcheck" ]; then
  work=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if "$(dirname "$0")/unpack-packages.sh" "$work" shellcheck; then mv -T "$work" "$shellcheck"; fi
fi
echo "$deny/bin:$shellcheck/usr/bin"
