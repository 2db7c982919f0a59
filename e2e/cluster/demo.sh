#!/usr/bin/env bash
# The whole story on a cluster of its own, printed: demo.sh TRACEHERD OPERATOR
#
# The cluster goes away at the end, however that comes; with KEEP=1 it stays.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" demo
on=$folder/enter

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
# Runs a command, and shows it as one would type it.
run() {
  local word typed=
  for word; do
    [[ $word =~ ^[[:alnum:]_./:=,@%+-]+$ ]] || word="'$word'"
    typed+=" $word"
  done
  printf '$%s\n' "$typed"
  "$on" "$@"
}
# Waits for what a person would look for again and again.
until_shown() { # pattern, command…
  local pattern=$1
  shift
  for _ in $(seq 150); do
    if "$on" "$@" 2>/dev/null | grep -q "$pattern"; then return; fi
    sleep 0.2
  done
  echo "demo.sh: $* never showed $pattern" >&2
  return 1
}
end() {
  status=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ "${KEEP:-}" = 1 ] && [ $status = 0 ]; then
    say "The cluster stays (KEEP=1): make cluster-down CLUSTER=demo takes it away"
  else
    say "Taking the cluster away"
    "$here/down.sh" demo
  fi
  exit $status
}
[ ! -e "$folder" ] || { echo "demo.sh: the cluster of another demo is there: make cluster-down CLUSTER=demo" >&2; exit 1; }
trap end EXIT
trap 'exit 130' INT TERM HUP

say "A real Kubernetes node, from nothing"
"$here/up.sh" demo
run kubectl get nodes -o wide

say "Traceherd from this tree: its image, and helm install"
"$here/deploy.sh" demo "$1" "$2"
run kubectl --namespace traceherd get pods

say "A trace: who runs a shell in the pods of the shop's cart?"
shells=$(realpath "$here/../../crds/examples/shells.yaml")
cat "$shells"
run kubectl create namespace shop
run kubectl apply -f "$shells"
run kubectl --namespace shop wait --for=condition=Ready trace/shells --timeout=30s

say "A pod, and somebody who opens a shell in it"
run kubectl --namespace shop run cart-0 --labels app=cart --image localhost/busybox:1 --image-pull-policy Never -- sleep 1000
run kubectl --namespace shop wait --for=condition=Ready pod/cart-0 --timeout=60s
run kubectl --namespace shop exec cart-0 -- sh -c 'id; cat /etc/passwd'

say "The trace's status"
until_shown 'pod: cart-0' kubectl --namespace shop get trace shells -o yaml
run kubectl --namespace shop get traces
run kubectl --namespace shop get trace shells -o yaml
run kubectl --namespace shop get tracereports

say "The agents' log"
logs=(kubectl --namespace traceherd logs --selector app.kubernetes.io/component=agent --tail=-1)
until_shown '"trace":"shells","tracenamespace":"shop"' "${logs[@]}"
run "${logs[@]}"
