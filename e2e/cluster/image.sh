#!/usr/bin/env bash
# Builds the product's image from programs that are there: image.sh TRACEHERD OPERATOR FILE
#
# It is the last stage of charts/image/Dockerfile. The file is an OCI archive that
# `ctr images import` takes as localhost/traceherd:dev.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$here/../..

[ $# = 3 ] || {
  echo "usage: image.sh TRACEHERD OPERATOR FILE" >&2
  exit 1
}
file=$(realpath "$3")
tools=$("$here/install-buildah.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Under their own names, whatever the files are called.
mkdir "$work/programs" "$work/context"
ln -s "$(realpath "$1")" "$work/programs/traceherd"
ln -s "$(realpath "$2")" "$work/programs/traceherd-operator"
"$top/charts/image/collect.sh" "$work/build/out" "$work/programs"/*
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
store=(--storage-driver vfs --root "$work/root" --runroot "$work/run")
export LD_LIBRARY_PATH=$tools/lib
"$tools/bin/buildah" "${store[@]}" bud --isolation chroot --signature-policy "$work/policy.json" \
  --target final --build-context "build=$work/build" --build-arg TARGETARCH= --quiet \
  -f "$top/charts/image/Dockerfile" -t localhost/traceherd:dev "$work/context" >/dev/null
rm -f "$file"
"$tools/bin/buildah" "${store[@]}" push --quiet --signature-policy "$work/policy.json" \
  localhost/traceherd:dev "oci-archive:$file:localhost/traceherd:dev"
