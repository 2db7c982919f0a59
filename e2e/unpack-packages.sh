#!/usr/bin/env bash
# Downloads packages of this machine's distribution (Debian, Ubuntu), or of another suite of Debian,
# and unpacks them into a folder.
#
#   unpack-packages.sh [--suite SUITE] FOLDER PACKAGE... [--optional PACKAGE...]
#   unpack-packages.sh --with-dependencies FOLDER PACKAGE...
#
# With dependencies: also the packages that these need and that the machine does not have.
# Nothing is installed, root is not needed, and it works where `apt-get update` never ran.
set -euo pipefail

fail() {
  echo "unpack-packages.sh: $*" >&2
  exit 1
}

suite=
dependencies=
if [ "$1" = --suite ]; then
  suite=$2
  shift 2
elif [ "$1" = --with-dependencies ]; then
  dependencies=yes
  shift
fi
folder=$(realpath "$1")
shift
wanted=()
optional=()
while [ $# -gt 0 ]; do
  case $1 in
    --optional)
      shift
      optional=("$@")
      break
      ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
for tool in apt-get dpkg; do
  command -v $tool >/dev/null || fail "needs $tool (Debian or Ubuntu) to get ${wanted[*]}"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{debs,lists/partial,archives/partial}
own_lists=(
  -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives"
  -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=2
)
lists=()
apt() { (cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root "${lists[@]}" "$@") >>"$work/log" 2>&1; }

download() {
  local all=("$@")
  if [ -n "$dependencies" ]; then
    mapfile -t all < <(
      apt-get "${lists[@]}" --simulate --no-install-recommends install "$@" 2>>"$work/log" |
        sed -n 's/^Inst \([^ ]*\).*/\1/p'
    )
    [ ${#all[@]} -gt 0 ] || return
  fi
  apt download "${all[@]}"
}

if [ -n "$suite" ]; then
  mirror=$("$(dirname "$0")/../ebpf/debian-mirror.sh" "$suite") || fail "needs a mirror of Debian among apt's sources"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  lists=(
    "${own_lists[@]}" -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
  )
  if ! apt update || ! download "${wanted[@]}"; then
    fail "cannot get ${wanted[*]} of Debian's $suite: $(cat "$work/log")"
  fi
# The system's package lists serve where there are any and they are not outdated.
elif ! download "${wanted[@]}"; then
  lists=("${own_lists[@]}")
  # Sources beyond the distribution's own may be out of reach.
  apt update || true
  download "${wanted[@]}" || fail "cannot get ${wanted[*]}: $(cat "$work/log")"
fi
for package in "${optional[@]}"; do apt download "$package" || true; done
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$folder"; done
