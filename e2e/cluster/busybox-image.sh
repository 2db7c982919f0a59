#!/usr/bin/env bash
# Writes an image of busybox under another name and with another configuration:
#
#   busybox-image.sh RUNTIMES FILE NAME SED
#
# SED is what changes the configuration's JSON, which has "Cmd":["sh"].
set -euo pipefail
runtimes=$1 file=$2 name=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$work" -xf "$runtimes/busybox.tar"
config=$(find "$work" -name '*.json' -not -name manifest.json -printf '%f')
sed "$4" "$work/$config" >"$work/config.json"
if cmp -s "$work/$config" "$work/config.json"; then
  echo "cluster/busybox-image.sh: $4 changes nothing in $(cat "$work/$config")" >&2
  exit 1
fi
sed -i -e "s/$config/config.json/" -e "s|docker.io/library/busybox:latest|$name|" "$work/manifest.json"
tar -C "$work" -cf "$file" manifest.json config.json layer.tar
