#!/usr/bin/env bash
# What `make lint` checks beyond the compiler's own: see each step's name.
set -euo pipefail
cd "$(dirname "$0")/.."

PATH=$(e2e/install-lint-tools.sh):$PATH
# What builds here builds with plain cargo in a fresh clone too.
unset PROTOC
skipped() { echo "SKIPPED: $*"; }
step() { echo "-- $*"; }

step "cargo fmt"
cargo fmt --all --check

step "cargo clippy"
cargo clippy --locked --all-targets --quiet -- -D warnings

step "cargo clippy of the eBPF programs"
CARGO_ENCODED_RUSTFLAGS=$(printf '%s' "--cfg=bpf_target_arch=\"$(uname -m)\"") RUSTC_BOOTSTRAP=1 \
  cargo clippy --locked --quiet --package traceherd-ebpf-programs \
  --target bpfel-unknown-none -Zbuild-std=core --target-dir "${CARGO_TARGET_DIR:-target}/bpf-lint" -- -D warnings

step "cargo doc"
RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps --quiet

step "cargo check for aarch64"
aarch64='aarch64-unknown-linux-gnu'
if ! command -v aarch64-linux-gnu-gcc >/dev/null; then
  # A check links nothing: the C in a dependency may be passed over where nothing here compiles it.
  export CC_aarch64_unknown_linux_gnu=true AR_aarch64_unknown_linux_gnu=true
fi
if [ -d "$(rustc --print sysroot)/lib/rustlib/$aarch64" ]; then
  cargo check --locked --quiet --target $aarch64
else
  # From the sources of the standard library, which `make setup` brings for the eBPF programs.
  RUSTC_BOOTSTRAP=1 cargo check --locked --quiet -Zbuild-std --target $aarch64
fi

step "cargo deny"
cargo deny --log-level error check bans licenses sources
if timeout 120 cargo deny --log-level error fetch db 2>/dev/null; then
  cargo deny --log-level error check --disable-fetch advisories
else
  skipped "the advisory database is out of reach; advisories are not checked"
fi

step "shellcheck"
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run .cargo/protoc)
if command -v shellcheck >/dev/null; then
  shellcheck --external-sources --source-path SCRIPTDIR "${scripts[@]}"
else
  skipped "shellcheck is not to be had"
fi
