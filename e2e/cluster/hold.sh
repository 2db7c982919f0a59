#!/usr/bin/env bash
# Holds a node's namespaces open: hold.sh PID-FILE CGROUP.PROCS…
#
# It has made the cgroup namespace where it was; below that is its place.
set -euo pipefail
pid_file=$1
shift
for procs in "$@"; do echo $$ >"$procs"; done

# cgroupfs as the namespace shows it: its root is the node's.
mapfile -t mounts < <(awk '$3 ~ /^cgroup2?$/ {print $2, $3, $4}' /proc/self/mounts)
umount -R /sys/fs/cgroup
if [ "${#mounts[@]}" -gt 1 ] || [[ ${mounts[0]} != "/sys/fs/cgroup "* ]]; then
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
fi
for each in "${mounts[@]}"; do
  read -r point type options <<<"$each"
  mkdir -p "$point"
  # Of the options only controllers and names are the hierarchy's.
  chosen=$(tr , '\n' <<<"$options" | grep -vxE 'rw|ro|nosuid|nodev|noexec|(no|rel)atime|nsdelegate|memory_.*|xattr|clone_children' | paste -sd,) || true
  mount -t "$type" ${chosen:+-o "$chosen"} "$type" "$point"
done
echo $$ >"$pid_file"
exec sleep infinity
