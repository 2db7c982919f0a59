#!/usr/bin/env bash
# Says how to use the cluster NAME: `welcome.sh NAME`.
set -euo pipefail
# shellcheck source=e2e/cluster/names.sh
. "$(dirname "$(realpath "$0")")/names.sh" "$@"
examples=$(realpath "$(dirname "$0")/../../crds/examples")
on=$folder/enter down="make cluster-down"
# Who needed sudo for this needs it to enter.
[ -z "${SUDO_USER:-}" ] || on="sudo $on"
[ "$name" = play ] || down="$down CLUSTER=$name"
cat <<TEXT

A Kubernetes cluster with this tree's Traceherd is Ready. It is reached through
$folder/enter, which runs a command in the first node's namespaces, with kubectl and helm:

  alias on='$on'
  on kubectl create namespace shop
  on kubectl apply -f $examples/shells.yaml
  on kubectl --namespace shop run cart --labels app=cart --image localhost/busybox:1 --image-pull-policy Never -- sh -c 'while true; do sh -c "sleep 2"; done'
  on kubectl --namespace shop get trace shells -o yaml
  on kubectl --namespace traceherd logs --selector app.kubernetes.io/component=agent -f

The image localhost/busybox:1 is there; no registry is. Each node has a place of its own, as
$folder/node-1 with its own enter. The daemons' logs are in $folder/log.
Take it away with: $down
TEXT
