#!/usr/bin/env bash
# Starts one real Kubernetes node under a name: `up.sh NAME`. As root.
#
# Its processes have network and mount namespaces of their own, with the paths of a real node
# inside, and one cgroup of their own; everything it writes is in one folder. `down.sh NAME` takes
# all of it away.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$@"

fail() {
  echo "cluster/up.sh: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root"
[ ! -e "$folder" ] || fail "there is a cluster $name already: take it down first"

kubernetes=$("$here/install.sh")
runtimes=$("$here/../install-runtimes.sh")
mkdir -p "$folder"/{log,pki,etcd,containerd,kubelet,cni,pods}
for hierarchy in "${hierarchies[@]}"; do
  mkdir -p "$hierarchy/$cgroup/daemons"
  # cpuset on v1 takes nothing by itself.
  for file in cpuset.cpus cpuset.mems; do
    for made in "$cgroup" "$cgroup/daemons"; do
      if [ -w "$hierarchy/$made/$file" ]; then
        cat "$hierarchy/$(dirname "$made")/$file" >"$hierarchy/$made/$file" || true
      fi
    done
  done
done

# One process holds the namespaces open.
unshare --net --mount --propagation private bash -c "echo \$\$ >'$tracking/$cgroup/daemons/cgroup.procs'; echo \$\$ >'$folder/holder.pid'; exec sleep infinity" &
for _ in $(seq 50); do [ -s "$folder/holder.pid" ] && break; sleep 0.1; done
holder=$(cat "$folder/holder.pid")

cat >"$folder/enter" <<SCRIPT
#!/usr/bin/env bash
# Runs a command in the node's namespaces, with its tools.
export PATH=$kubernetes/bin:$runtimes/bin:\$PATH KUBECONFIG=$folder/admin.conf
export LD_LIBRARY_PATH=$kubernetes/lib:$runtimes/lib XTABLES_LIBDIR=$kubernetes/lib/xtables
exec nsenter --target $holder --net --mount --wd="\$PWD" "\$@"
SCRIPT
chmod +x "$folder/enter"
"$folder/enter" "$here/node.sh" "$name" "$kubernetes" "$runtimes" || fail "the node does not start: see $folder/log, then take it away: $here/down.sh $name"
