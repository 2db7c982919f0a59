#!/usr/bin/env bash
# Takes the cluster NAME away, whatever is left of it: `down.sh NAME`. As root.
set -euo pipefail
# shellcheck source=e2e/cluster/names.sh
. "$(dirname "$(realpath "$0")")/names.sh" "$@"

# Everything the nodes started is in their cgroup, and can fork no way out of it.
for _ in $(seq 100); do
  mapfile -t processes < <(find "$tracking/$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null)
  [ ${#processes[@]} -gt 0 ] || break
  kill -KILL "${processes[@]}" 2>/dev/null || true
  sleep 0.1
done
# Namespaces, what is mounted in them, their links and firewall rules, and eBPF programs, which
# nobody pins, went with the processes.
left=()
for hierarchy in "${hierarchies[@]}"; do
  for _ in $(seq 50); do
    [ -d "$hierarchy/$cgroup" ] || continue 2
    find "$hierarchy/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
  left+=("$hierarchy/$cgroup")
done
rm -rf --one-file-system "$folder"
if [ ${#left[@]} -gt 0 ]; then
  echo "cluster/down.sh: cgroups are left, with processes that do not end: ${left[*]}" >&2
  exit 1
fi
