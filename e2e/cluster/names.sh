# shellcheck shell=bash disable=SC2034
# What a cluster's things are called. Sourced with the cluster's name.
name=${1:?the name of the cluster is missing}
case $name in *[!a-z0-9-]*) echo "a cluster's name is made of a-z, 0-9 and -, not $name" >&2; exit 1 ;; esac
folder=/var/tmp/traceherd-cluster-$name
# Below it each node has a cgroup, which is the root of all that the node sees.
cgroup=traceherd-cluster-$name
mapfile -t hierarchies < <(awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/self/mounts)
# The hierarchy by which processes are found again.
tracking=${hierarchies[0]}
for hierarchy in "${hierarchies[@]}"; do
  if [ "$(basename "$hierarchy")" = pids ]; then tracking=$hierarchy; fi
done
