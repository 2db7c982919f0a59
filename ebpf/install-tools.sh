#!/usr/bin/env bash
# Gets what building needs beyond Rust itself: the pinned toolchain under its name, and for the eBPF
# programs the sources of core for it and bpf-linker; protoc. Says nothing when all is there.
#
# What rustup's server would give comes from elsewhere where that server is out of reach: the
# toolchain from an installed `stable` of the same version, the sources from Debian's package.
set -euo pipefail
cd "$(dirname "$0")/.."
. e2e/once.sh

linker_version=0.10.3
# Debian's package of the same sources as the pinned toolchain's, and the suite that has it.
rust_src_deb='rust-src=1.95.0+dfsg1-2~bpo13+1'
rust_src_suite=trixie-backports
# Seconds that a download by rustup may take before something else is tried.
patience=180

pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)

# rustup's errors are long enough without one.
export RUST_BACKTRACE=0

say() { echo "install-tools.sh: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

need() {
  command -v "$1" >/dev/null || fail "$1 is missing: run \`$2\`"
}

# The version of the rustc at $1, as in 1.95.0; empty when there is none.
version_of() { "$1" --version 2>/dev/null | cut -d' ' -f2; }

# Sets `sysroot` to the pinned toolchain's folder.
pinned_toolchain() {
  if ! command -v rustup >/dev/null; then
    [ "$(version_of rustc)" = "$pinned" ] ||
      fail "Rust $pinned is missing: install it with rustup"
    sysroot=$(rustc --print sysroot)
    return
  fi
  local toolchains=${RUSTUP_HOME:-$HOME/.rustup}/toolchains host
  # Not here, where rustup minds the pinned name.
  host=$( (cd / && rustup show 2>/dev/null) | sed -n 's/^Default host: *//p')
  sysroot=$toolchains/$pinned-$host
  # A link made below goes wrong when `stable` moves on.
  if [ -L "$sysroot" ] && [ "$(version_of "$sysroot/bin/rustc")" != "$pinned" ]; then rm "$sysroot"; fi
  [ -d "$sysroot" ] && return
  say "getting Rust $pinned"
  timeout "$patience" rustup toolchain install "$pinned" --no-self-update --profile minimal \
    --component clippy --component rustfmt </dev/null >&2 && return
  [ "$(version_of "$toolchains/stable-$host/bin/rustc")" = "$pinned" ] ||
    fail "Rust $pinned is missing and rustup cannot get it: run \`rustup toolchain install $pinned\` where its server is in reach"
  say "using the installed stable, which is $pinned"
  ln -s "stable-$host" "$sysroot"
}

core_sources() {
  local sources=$sysroot/lib/rustlib/src/rust
  [ -d "$sources/library/core" ] && return
  say "getting the sources of core for Rust $pinned"
  if command -v rustup >/dev/null; then
    timeout "$patience" rustup component add rust-src --toolchain "$pinned" </dev/null >&2 || true
    [ -d "$sources/library/core" ] && return
  fi
  need apt-get "rustup component add rust-src --toolchain $pinned"
  local work
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  e2e/unpack-packages.sh --suite "$rust_src_suite" "$work" "$rust_src_deb" ||
    fail "the sources of core are missing: run \`rustup component add rust-src --toolchain $pinned\` where its server is in reach"
  mkdir -p "$sources"
  cp -r "$work/usr/src/rustc-$pinned/library" "$sources/.library.new"
  mv -T "$sources/.library.new" "$sources/library"
}

bpf_linker() {
  local root=$cache/bpf-linker-$linker_version
  [ -x "$root/bin/bpf-linker" ] && return
  [ "$(bpf-linker --version 2>/dev/null)" = "bpf-linker $linker_version" ] && return
  say "building bpf-linker $linker_version into $root (a minute or two)"
  # Not with the flags and folders of the build that asked for it.
  env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS \
    cargo install --quiet --locked --root "$root" "bpf-linker@$linker_version" >&2 ||
    fail "bpf-linker is missing: run \`cargo install --locked bpf-linker@$linker_version\`"
}

# The compiler of containerd's API. `.cargo/protoc` finds it here where there is none on the path.
protocol_compiler() {
  command -v protoc >/dev/null && return
  # In a shell of its own, as it locks and tidies up for itself.
  (once protoc-1 get_protoc) >/dev/null
}

get_protoc() {
  say "getting protoc into $cache/protoc-1"
  # The libraries' names differ from release to release.
  e2e/unpack-packages.sh "$new" protobuf-compiler libprotobuf-dev --optional \
    libprotoc32 libprotobuf32 libprotoc32t64 libprotobuf32t64 libprotoc23 libprotobuf23 ||
    fail "protoc is missing: run \`apt-get install protobuf-compiler\`"
  mkdir "$new/bin"
  cat >"$new/bin/protoc" <<'END'
#!/bin/sh
root=$(dirname "$(dirname "$0")")
LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu) exec "$root/usr/bin/protoc" "$@"
END
  chmod +x "$new/bin/protoc"
}

need cc 'apt-get install gcc'
need make 'apt-get install make'
mkdir -p "$cache"
exec 9>"$cache/.tools.lock"
flock 9
pinned_toolchain
core_sources
bpf_linker
protocol_compiler
