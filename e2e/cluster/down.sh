#!/usr/bin/env bash
# Takes the cluster NAME away, whatever is left of it: `down.sh NAME`. As root.
set -euo pipefail
# shellcheck source=e2e/cluster/names.sh
. "$(dirname "$(realpath "$0")")/names.sh" "$@"

# Everything the node started is in its cgroup, and can fork no way out of it.
for _ in $(seq 100); do
  mapfile -t processes < <(find "$tracking/$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null)
  [ ${#processes[@]} -gt 0 ] || break
  kill -KILL "${processes[@]}" 2>/dev/null || true
  sleep 0.1
done
# Namespaces and what is mounted in them went with the processes.
for hierarchy in "${hierarchies[@]}"; do
  for _ in $(seq 50); do
    [ -d "$hierarchy/$cgroup" ] || break
    find "$hierarchy/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
done
rm -rf "$folder"
