#!/usr/bin/env bash
# One node's containerd, kubelet and kube-proxy, within its namespaces: see up.sh.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$1"
node=$2
kubernetes=$3
runtimes=$4
# shellcheck source=e2e/cluster/daemon.sh
. "$here/daemon.sh"
own=$folder/$node

# A node's own places.
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/containerd /run/lock /var/lib/kubelet /var/lib/containerd /var/lib/cni /var/log/pods /var/log/containers /etc/cni
mount --bind "$own/kubelet" /var/lib/kubelet
mount --bind "$own/containerd" /var/lib/containerd
mount --bind "$own/cni" /var/lib/cni
mount --bind "$own/pods" /var/log/pods
mount -t tmpfs tmpfs /var/log/containers
mount -t tmpfs tmpfs /etc/cni
mount --make-rshared /
[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf

mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/10-bridge.conflist <<JSON
{"cniVersion":"0.4.0","name":"pods","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,
 "ipam":{"type":"host-local","ranges":[[{"subnet":"10.88.$((16 * ${node#node-})).0/20"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
JSON
cat >"$own/containerd.toml" <<TOML
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "localhost/pause:1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$kubernetes/cni"
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
BinaryName = "$runtimes/bin/runc"
TOML
daemon "containerd-$node" containerd --config "$own/containerd.toml"
await 30 "containerd" ctr --address /run/containerd/containerd.sock version
ctr --namespace k8s.io images import "$runtimes/busybox.tar" >/dev/null
ctr --namespace k8s.io images tag docker.io/library/busybox:latest localhost/busybox:1 >/dev/null
# The sandbox runs the image's own command: one that does nothing, for ever.
"$here/busybox-image.sh" "$runtimes" "$own/pause.tar" localhost/pause:1 's/"Cmd":\["sh"\]/"Cmd":["sleep","2147483647"]/'
ctr --namespace k8s.io images import "$own/pause.tar" >/dev/null

cat >"$own/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication: {x509: {clientCAFile: $folder/pki/ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
authorization: {mode: Webhook}
tlsCertFile: $folder/pki/$node.crt
tlsPrivateKeyFile: $folder/pki/$node.key
cgroupDriver: cgroupfs
cgroupsPerQOS: true
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
localStorageCapacityIsolation: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
containerLogMaxSize: 500Mi
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 250
nodeStatusUpdateFrequency: 5s
resolvConf: ""
serializeImagePulls: false
registryPullQPS: 0
kubeAPIQPS: 200
kubeAPIBurst: 400
YAML
daemon "kubelet-$node" kubelet --config="$own/kubelet.yaml" --kubeconfig="$folder/$node.conf" \
  --hostname-override="$node" --node-ip="$address" --root-dir=/var/lib/kubelet
daemon "proxy-$node" kube-proxy --kubeconfig="$folder/proxy.conf" --hostname-override="$node" --cluster-cidr=10.88.0.0/16 \
  --proxy-mode=iptables --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
await 60 "the node's readiness" kubectl wait --for=condition=Ready "node/$node" --timeout=2s
await 30 "the default service account" kubectl get serviceaccount default
