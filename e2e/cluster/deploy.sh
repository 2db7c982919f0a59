#!/usr/bin/env bash
# Puts this tree's Traceherd into the cluster NAME: deploy.sh NAME TRACEHERD OPERATOR [HELM-ARGUMENT…]
#
# It is what a user does: an image, and `helm install`.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$1"

image=$folder/traceherd.tar
"$here/image.sh" "$2" "$3" "$image"
for enter in "$folder"/node-*/enter; do
  "$enter" ctr --namespace k8s.io images import "$image" >/dev/null
done
"$folder/enter" helm upgrade --install traceherd "$here/../../charts/traceherd" \
  --namespace traceherd --create-namespace \
  --set image.repository=localhost/traceherd,image.tag=dev,image.pullPolicy=Never \
  --wait --timeout 2m "${@:4}"
