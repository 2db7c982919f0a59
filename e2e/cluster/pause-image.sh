#!/usr/bin/env bash
# Writes the image of pods' sandboxes, busybox asleep: pause-image.sh RUNTIMES FILE
set -euo pipefail
runtimes=$1
file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$work" -xf "$runtimes/busybox.tar"
config=$(find "$work" -name '*.json' -not -name manifest.json -printf '%f')
sed 's/"Cmd":\["sh"\]/"Cmd":["sleep","2147483647"]/' "$work/$config" >"$work/pause.json"
sed -e "s/$config/pause.json/" -e 's|docker.io/library/busybox:latest|localhost/pause:1|' "$work/manifest.json" >"$work/new.json"
mv "$work/new.json" "$work/manifest.json"
tar -C "$work" -cf "$file" manifest.json pause.json layer.tar
