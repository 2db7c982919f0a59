#!/usr/bin/env bash
# Says how to use the cluster NAME: `welcome.sh NAME`.
set -euo pipefail
# shellcheck source=e2e/cluster/names.sh
. "$(dirname "$(realpath "$0")")/names.sh" "$@"
examples=$(realpath "$(dirname "$0")/../../crds/examples")
cat <<TEXT

A Kubernetes cluster with this tree's Traceherd is Ready. It is reached through
$folder/enter, which runs a command in the first node's namespaces, with kubectl and helm:

  alias on=$folder/enter
  on kubectl create namespace shop
  on kubectl apply -f $examples/shells.yaml
  on kubectl --namespace shop run cart --labels app=cart --image localhost/busybox:1 --image-pull-policy Never -- sh -c 'while true; do sh -c "sleep 2"; done'
  on kubectl --namespace shop get trace shells -o yaml
  on kubectl --namespace traceherd logs daemonset/traceherd-agent -f

The image localhost/busybox:1 is there; no registry is. Logs are in $folder/log.
Take it away with: make cluster-down
TEXT
