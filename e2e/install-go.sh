#!/usr/bin/env bash
# Prints the folder of a Go that builds Kubernetes: the machine's own when it is new enough, else one
# of Debian's packages, unpacked and not installed. Safe to run twice, and twice at once.
#
# Run it with GOTOOLCHAIN=auto: a Go from 1.21 on gets a newer one by itself where that is asked for.
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

needed=24
suite=trixie
packages=("golang-1.$needed-go" "golang-1.$needed-src")

# The machine's Go: 26 for 1.26.8; 0 when there is none.
minor=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || true
own() { dirname "$(command -v go)"; }

get() {
  echo "getting Go 1.$needed from Debian's packages (50 MB)"
  ./unpack-packages.sh --suite $suite "$new" "${packages[@]}" ||
    ./unpack-packages.sh "$new" "${packages[@]}"
}

if [ "${minor:=0}" -ge $needed ]; then
  own
elif folder=$(once go-1.$needed-1 get); then
  echo "$folder/usr/lib/go-1.$needed/bin"
elif [ "$minor" -ge 21 ]; then
  own
else
  echo "install-go.sh: Go is missing or too old: install Go 1.$needed or newer (https://go.dev/dl) and run again" >&2
  exit 1
fi
