#!/usr/bin/env bash
# Takes the cluster NAME away once standard input ends: `guard.sh NAME`. The input is a pipe that
# a test holds, so that it ends however the test ends, SIGKILL included.
set -euo pipefail
trap '' INT TERM HUP PIPE
echo ready
cat >/dev/null
exec "$(dirname "$0")/down.sh" "$1" >/dev/null
