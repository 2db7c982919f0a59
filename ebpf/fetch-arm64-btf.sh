#!/usr/bin/env bash
# Gets the type information (BTF) of an aarch64 kernel, Debian's, and prints the file's path. The
# offset table is tested against it on any machine. Safe to run twice, and twice at once.
set -euo pipefail

# The smallest image that has what all of them have.
image=linux-image-cloud-arm64
suite=bookworm

cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd/kernel-btf
btf=$cache/debian-$suite-arm64.btf

fail() {
  echo "fetch-arm64-btf.sh: $*" >&2
  exit 1
}

if [ -s "$btf" ]; then
  echo "$btf"
  exit
fi
for tool in apt-get dpkg gunzip; do
  command -v $tool >/dev/null || fail "needs $tool (Debian or Ubuntu)"
done
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || fail "needs the package debian-archive-keyring"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [ -s "$btf" ]; then
  echo "$btf"
  exit
fi

work=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial,unpacked}
mirror=$("$(dirname "$0")"/debian-mirror.sh) || fail "needs a mirror of Debian among apt's sources"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
private=(
  -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
  -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::State::status=/dev/null -o Dir::State::lists="$work/lists"
  -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives"
  -o Acquire::Languages=none -o Acquire::http::Timeout=20 -o Acquire::Retries=2
)
apt-get -qq "${private[@]}" update >&2 || fail "cannot read the package lists of Debian's $suite"
package=$(apt-cache "${private[@]}" depends "$image" | sed -n 's/^ *Depends: *//p' | head -n 1)
[ -n "$package" ] || fail "$suite has no $image"
(cd "$work" && apt-get -qq "${private[@]}" download "$package") >&2 || fail "cannot get $package"
dpkg -x "$work"/*.deb "$work/unpacked"
kernel=$(find "$work/unpacked/boot" -name 'vmlinuz-*')

# What `od` reads at byte $2 of file $1: a number of four bytes.
number() { od -An -tu4 -j "$2" -N 4 "$1" | tr -d ' '; }

# The bytes of file $1 from $2 on, $3 of them.
part() { dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none; }

# The image itself, compressed, or compressed inside an EFI program ("zimg").
raw=$work/Image
case $(head -c 8 "$kernel" | od -An -tx1 | tr -d ' \n') in
  1f8b*) gunzip -c "$kernel" >"$raw" ;;
  4d5a????7a696d67)
    part "$kernel" "$(number "$kernel" 8)" "$(number "$kernel" 12)" | gunzip -c >"$raw" ;;
  *) mv "$kernel" "$raw" ;;
esac

# The section starts with a header of 24 bytes: magic, version 1, no flags, its own length, then
# where types and strings are.
while IFS=: read -r at _; do
  length=$((24 + $(number "$raw" $((at + 16))) + $(number "$raw" $((at + 20)))))
  # The kernel's own: modules are not in the image, tests of its parser may be.
  if [ "$length" -gt 1000000 ] && [ $((at + length)) -le "$(stat -c %s "$raw")" ]; then
    part "$raw" "$at" "$length" >"$work/btf"
    break
  fi
done < <(LC_ALL=C grep -obUaP '\x9f\xeb\x01\x00\x18\x00\x00\x00' "$raw")
[ -s "$work/btf" ] || fail "$package has no type information"
mv "$work/btf" "$btf"
echo "$btf"
