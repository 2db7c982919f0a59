#!/usr/bin/env bash
# Starts a real Kubernetes cluster under a name: `up.sh NAME [NODES]`, of one node or of two. As root.
#
# Each node has network, mount and cgroup namespaces of its own, with the paths of a real node
# inside, and one cgroup that all its processes are below; everything that is written is in one
# folder. `down.sh NAME` takes all of it away.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$@"
nodes=${2:-1}

fail() {
  echo "cluster/up.sh: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root"
case $nodes in 1 | 2) ;; *) fail "a cluster has 1 node or 2, not $nodes" ;; esac
[ ! -e "$folder" ] || fail "there is a cluster $name already: take it down first"

kubernetes=$("$here/install.sh")
runtimes=$("$here/../install-runtimes.sh")
mkdir -p "$folder"/{log,daemons,pki,etcd}

# The cgroup of that path, in every hierarchy.
make_cgroup() {
  for hierarchy in "${hierarchies[@]}"; do
    mkdir -p "$hierarchy/$1"
    # cpuset on v1 takes nothing by itself.
    for file in cpuset.cpus cpuset.mems; do
      if [ -w "$hierarchy/$1/$file" ]; then
        cat "$hierarchy/$(dirname "$1")/$file" >"$hierarchy/$1/$file" || true
      fi
    done
  done
}

# One process holds a node's namespaces open. A cgroup namespace shows as its root what the process
# is in when it makes it.
hold() {
  local node=$1
  make_cgroup "$cgroup/$node"
  make_cgroup "$cgroup/$node/daemons"
  mkdir -p "$folder/$node"/{containerd,kubelet,cni,pods}
  (
    enter_cgroup() { for hierarchy in "${hierarchies[@]}"; do echo "$BASHPID" >"$hierarchy/$1/cgroup.procs"; done; }
    enter_cgroup "$cgroup/$node"
    exec unshare --net --mount --cgroup --propagation private \
      "$here/hold.sh" "$folder/$node/holder.pid" "${hierarchies[@]/%//$cgroup/$node/daemons/cgroup.procs}" </dev/null >"$folder/log/hold-$node.log" 2>&1
  ) &
  for _ in $(seq 50); do [ -s "$folder/$node/holder.pid" ] && break; sleep 0.1; done
  local holder
  holder=$(cat "$folder/$node/holder.pid") || fail "no namespaces for $node: see $folder/log/hold-$node.log"
  cat >"$folder/$node/enter" <<SCRIPT
#!/usr/bin/env bash
# Runs a command in the node's namespaces, with its tools.
export PATH=$kubernetes/bin:$runtimes/bin:\$PATH KUBECONFIG=$folder/admin.conf
export LD_LIBRARY_PATH=$kubernetes/lib:$runtimes/lib XTABLES_LIBDIR=$kubernetes/lib/xtables
exec nsenter --target $holder --net --mount --cgroup --wd="\$PWD" "\$@"
SCRIPT
  chmod +x "$folder/$node/enter"
}

make_cgroup "$cgroup"
hold node-1
ln -s node-1/enter "$folder/enter"
start() { "$folder/$1/enter" "$here/$2.sh" "$name" "$1" "$kubernetes" "$runtimes"; }
stuck="see $folder/log, then take the cluster away: $here/down.sh $name"
"$folder/enter" "$here/network.sh" node-1 1 || fail "no network for node-1: $stuck"
start node-1 control-plane || fail "the control plane does not start: $stuck"
if [ "$nodes" = 2 ]; then
  hold node-2
  # A cable from the second node to the first one's bridge.
  "$folder/enter" ip link add to-node-2 type veth peer name node0 netns "$(cat "$folder/node-2/holder.pid")"
  "$folder/enter" ip link set to-node-2 master node0 up
  "$folder/node-2/enter" "$here/network.sh" node-2 2 || fail "no network for node-2: $stuck"
  "$folder/enter" ip route add 10.88.32.0/20 via 10.99.0.2
  start node-2 node >"$folder/log/start-node-2.log" 2>&1 &
fi
start node-1 node || fail "node-1 does not start: $stuck"
if [ "$nodes" = 2 ]; then
  wait $! || fail "node-2 does not start: $stuck"
fi
