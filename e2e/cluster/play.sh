#!/usr/bin/env bash
# A cluster to play with, Traceherd installed: play.sh NAME NODES TRACEHERD OPERATOR
#
# When it does not come up, or is interrupted, nothing is left.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$1"

[ ! -e "$folder" ] || { echo "make cluster: there is a cluster $name already: make cluster-down CLUSTER=$name" >&2; exit 1; }
trap 'trap "" INT TERM HUP; "$here/down.sh" "$name"' EXIT
trap 'exit 130' INT TERM HUP
"$here/up.sh" "$name" "$2"
"$here/deploy.sh" "$name" "$3" "$4"
trap - EXIT
"$here/welcome.sh" "$name"
