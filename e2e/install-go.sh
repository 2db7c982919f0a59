#!/usr/bin/env bash
# Prints the folder of a Go that builds Kubernetes: the machine's own when it is new enough, else one
# of Debian's packages, unpacked and not installed. Safe to run twice, and twice at once.
#
# Run it with GOTOOLCHAIN=auto: a Go from 1.21 on gets a newer one by itself where that is asked for.
set -euo pipefail
cd "$(dirname "$0")"

needed=24
suite=trixie
packages=("golang-1.$needed-go" "golang-1.$needed-src")

cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd
folder=$cache/go-1.$needed-1
bin=$folder/usr/lib/go-1.$needed/bin

# The machine's Go: 26 for 1.26.8; 0 when there is none.
minor=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || true
own() { dirname "$(command -v go)"; }

if [ "${minor:=0}" -ge $needed ]; then
  own
  exit
fi
mkdir -p "$cache"
exec 9>"$cache/.go.lock"
flock 9
if [ ! -x "$bin/go" ]; then
  work=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "getting Go 1.$needed from Debian's packages into $folder (50 MB)" >&2
  if ./unpack-packages.sh --suite $suite "$work" "${packages[@]}" ||
    ./unpack-packages.sh "$work" "${packages[@]}"; then
    mv -T "$work" "$folder"
  elif [ "$minor" -ge 21 ]; then
    own
    exit
  else
    echo "install-go.sh: Go is missing or too old: install Go 1.$needed or newer (https://go.dev/dl) and run again" >&2
    exit 1
  fi
fi
echo "$bin"
