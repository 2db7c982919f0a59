#!/usr/bin/env bash
# Gets a kernel of kernels.list and prints its folder. Safe to run twice, and twice at once.
#
#   fetch-kernel.sh NAME
#
#   <folder>/vmlinuz   what boots
#   <folder>/btf       its type information
#   <folder>/version   its package's version
set -euo pipefail
cd "$(dirname "$0")"
. ../e2e/once.sh

name=$1
read -r suite arch < <(awk -v name="$name" '$1 == name { print $2, $3 }' kernels.list) || true

fail() {
  echo "fetch-kernel.sh: $*" >&2
  exit 1
}

[ -n "$arch" ] || fail "kernels.list has no $name"

# What package $1 depends on whose name begins with $2 and a number.
depends() {
  apt-cache "${private[@]}" depends "$1" | sed -n "s/^ *Depends: *\($2[0-9].*\)/\1/p" | head -n 1
}

# What `od` reads at byte $2 of file $1: a number of $3 bytes, four if not said.
number() { od -An "-tu${3:-4}" -j "$2" -N "${3:-4}" "$1" | tr -d ' '; }

# The bytes of file $1 from $2 on, $3 of them.
part() { dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none; }

# The bytes of file $1 from $2 on, $3 of them, in hexadecimal.
magic() { od -An -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'; }

# Decompresses file $1. On x86 the uncompressed size, 4 bytes, follows what is compressed.
unpack() {
  case $(magic "$1" 0 6) in
    1f8b*) gunzip -c "$1" ;;
    fd377a585a00) head -c -4 "$1" | needs xz --decompress --stdout ;;
    02214c18*) head -c -4 "$1" | needs lz4 --decompress --stdout ;;
    28b52ffd*) head -c -4 "$1" | needs zstd --decompress --stdout ;;
    *) cat "$1" ;;
  esac
}

# A program of that name and its arguments: the machine's, or the distribution's, unpacked.
needs() {
  local program=$1 from=$work/tools
  shift
  if ! command -v "$program" >/dev/null; then
    ../e2e/unpack-packages.sh "$from" "${program/%xz/xz-utils}" >&2
    program=$from/usr/bin/$program
  fi
  "$program" "$@"
}

# Downloads it: $new has vmlinuz and version then.
download() {
  for tool in apt-get dpkg-deb gunzip; do
    command -v $tool >/dev/null || fail "needs $tool (Debian or Ubuntu)"
  done
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r $keyring ] || fail "needs the package debian-archive-keyring"
  mkdir -p "$work"/{lists,archives}/partial
  mirror=$(./debian-mirror.sh "$suite") || fail "needs a mirror of Debian among apt's sources"
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
  private=(
    -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::status=/dev/null -o Dir::State::lists="$work/lists"
    -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives"
    -o Acquire::Languages=none -o Acquire::http::Timeout=20 -o Acquire::Retries=2
  )
  apt-get -qq "${private[@]}" update >&2 || fail "cannot read the package lists of Debian's $suite"
  package=$(depends "linux-image-cloud-$arch" linux-image-)
  [ -n "$package" ] || fail "Debian's $suite has no kernel for $arch"
  # From Linux 7 on the kernel is in a package of its own.
  binary=$(depends "$package" linux-binary-)
  (cd "$work" && apt-get -qq "${private[@]}" download "${binary:-$package}") >&2 || fail "cannot get $package"
  dpkg-deb -f "$work"/*.deb Version >"$new/version"
  # The modules are most of it, and not needed.
  dpkg-deb --fsys-tarfile "$work"/*.deb | tar -C "$work/unpacked" -x --wildcards '*/vmlinuz*'
  find "$work/unpacked" -name 'vmlinuz*' -exec mv {} "$new/vmlinuz" \;
}

# Takes the type information out of the kernel.
extract() {
  local kernel=$new/vmlinuz at length
  # The image itself, compressed, inside x86's boot code ("HdrS", Documentation/arch/x86/boot.rst), or
  # inside an EFI program ("zimg").
  payload=$work/payload
  if [ "$(magic "$kernel" 514 4)" = 48647253 ]; then
    code=$((($(number "$kernel" 497 1) + 1) * 512))
    part "$kernel" $((code + $(number "$kernel" 584))) "$(number "$kernel" 588)" >"$payload"
  elif [ "$(magic "$kernel" 4 4)" = 7a696d67 ]; then
    part "$kernel" "$(number "$kernel" 8)" "$(number "$kernel" 12)" >"$payload"
  else
    cp "$kernel" "$payload"
  fi
  raw=$work/image
  unpack "$payload" >"$raw"

  # The section starts with a header of 24 bytes: magic, version 1, no flags, its own length, then
  # where types and strings are.
  while IFS=: read -r at _; do
    length=$((24 + $(number "$raw" $((at + 16))) + $(number "$raw" $((at + 20)))))
    # The kernel's own: modules are not in the image, tests of its parser may be.
    if [ "$length" -gt 1000000 ] && [ $((at + length)) -le "$(stat -c %s "$raw")" ]; then
      part "$raw" "$at" "$length" >"$new/btf"
      break
    fi
  done < <(LC_ALL=C grep -obUaP '\x9f\xeb\x01\x00\x18\x00\x00\x00' "$raw")
  [ -s "$new/btf" ] || fail "$package has no type information"
}

get() {
  download
  extract
}

once "kernels/$name-1" get
