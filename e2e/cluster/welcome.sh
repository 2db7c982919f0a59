#!/usr/bin/env bash
# Defines Traceherd's resources in the cluster NAME and says how to use it: `welcome.sh NAME`.
set -euo pipefail
# shellcheck source=e2e/cluster/names.sh
. "$(dirname "$(realpath "$0")")/names.sh" "$@"
"$folder/enter" kubectl apply -f "$(dirname "$0")/../../crds" >/dev/null
cat <<TEXT
A Kubernetes node is Ready. It is reached through $folder/enter, which runs a command in its
namespaces, with kubectl and helm:

  $folder/enter kubectl get pods --all-namespaces
  $folder/enter kubectl run hi --image=localhost/busybox:1 --image-pull-policy=Never -- sleep 1000

Its logs are in $folder/log. Take it away with: make cluster-down
TEXT
