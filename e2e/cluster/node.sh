#!/usr/bin/env bash
# The node itself, within its namespaces: see up.sh.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$1"
kubernetes=$2
runtimes=$3

address=10.99.0.1
service_address=10.96.0.1
node="node-1"

# A node's own places.
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/containerd /run/lock /var/lib/kubelet /var/lib/containerd /var/lib/cni /var/log/pods /var/log/containers /etc/cni
mount --bind "$folder/kubelet" /var/lib/kubelet
mount --bind "$folder/containerd" /var/lib/containerd
mount --bind "$folder/cni" /var/lib/cni
mount --bind "$folder/pods" /var/log/pods
mount -t tmpfs tmpfs /var/log/containers
mount -t tmpfs tmpfs /etc/cni
mount --make-rshared /
[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf

ip link set lo up
ip link add node0 type bridge
ip address add $address/24 dev node0
ip link set node0 up
ip route add default via $address
sysctl -qw net.ipv4.ip_forward=1 2>/dev/null || echo 1 >/proc/sys/net/ipv4/ip_forward

# Certificates.
cd "$folder/pki"
openssl genrsa -out ca.key 2048 2>/dev/null
openssl req -x509 -new -key ca.key -subj /CN=kubernetes -days 30 -out ca.crt
certificate() { # file, subject, [names]
  openssl genrsa -out "$1.key" 2048 2>/dev/null
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf 'extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=%s\n' "${3:-DNS:$1}" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
}
certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$service_address,IP:$address"
certificate admin /O=system:masters/CN=admin
certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
certificate controller-manager /CN=system:kube-controller-manager
certificate scheduler /CN=system:kube-scheduler
certificate proxy /CN=system:kube-proxy
certificate kubelet "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:$address"
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
kubeconfig() { # file, certificate
  cat >"$1" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "https://$address:6443", certificate-authority: $folder/pki/ca.crt}}]
users: [{name: u, user: {client-certificate: $folder/pki/$2.crt, client-key: $folder/pki/$2.key}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
YAML
}
for who in admin controller-manager scheduler proxy kubelet; do kubeconfig "$folder/$who.conf" $who; done
cd /

daemon() { # name, command…
  local log=$folder/log/$1.log
  shift
  (
    echo "$BASHPID" >"$tracking/$cgroup/daemons/cgroup.procs"
    exec setsid "$@" </dev/null >"$log" 2>&1
  ) &
}
await() { # seconds, what, command…
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge "$until" ]; then
      echo "cluster/node.sh: not in time: $what" >&2
      exit 1
    fi
    sleep 0.2
  done
}

daemon etcd etcd --data-dir "$folder/etcd" --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync

mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/10-bridge.conflist <<'JSON'
{"cniVersion":"0.4.0","name":"pods","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,
 "ipam":{"type":"host-local","ranges":[[{"subnet":"10.88.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
JSON
cat >"$folder/containerd.toml" <<TOML
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
daemon containerd containerd --config "$folder/containerd.toml"

daemon apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
  --advertise-address=$address --bind-address=0.0.0.0 --allow-privileged=true \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --client-ca-file="$folder/pki/ca.crt" --tls-cert-file="$folder/pki/apiserver.crt" --tls-private-key-file="$folder/pki/apiserver.key" \
  --kubelet-client-certificate="$folder/pki/kubelet-client.crt" --kubelet-client-key="$folder/pki/kubelet-client.key" \
  --kubelet-certificate-authority="$folder/pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --service-account-key-file="$folder/pki/sa.pub" --service-account-signing-key-file="$folder/pki/sa.key" \
  --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/16
await 60 "kube-apiserver" kubectl get --raw=/readyz
daemon controller-manager kube-controller-manager --kubeconfig="$folder/controller-manager.conf" \
  --root-ca-file="$folder/pki/ca.crt" --service-account-private-key-file="$folder/pki/sa.key" \
  --use-service-account-credentials=true --leader-elect=false --bind-address=127.0.0.1 \
  --authentication-kubeconfig="$folder/controller-manager.conf" --authorization-kubeconfig="$folder/controller-manager.conf"
daemon scheduler kube-scheduler --kubeconfig="$folder/scheduler.conf" --leader-elect=false --bind-address=127.0.0.1

await 30 "containerd" ctr --address /run/containerd/containerd.sock version
ctr --namespace k8s.io images import "$runtimes/busybox.tar" >/dev/null
ctr --namespace k8s.io images tag docker.io/library/busybox:latest localhost/busybox:1 >/dev/null
# The sandbox runs the image's own command: one that does nothing, for ever.
"$here/pause-image.sh" "$runtimes" "$folder/pause.tar"
ctr --namespace k8s.io images import "$folder/pause.tar" >/dev/null

cat >"$folder/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication: {x509: {clientCAFile: $folder/pki/ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
authorization: {mode: Webhook}
tlsCertFile: $folder/pki/kubelet.crt
tlsPrivateKeyFile: $folder/pki/kubelet.key
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
cgroupsPerQOS: true
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
localStorageCapacityIsolation: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
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
daemon kubelet kubelet --config="$folder/kubelet.yaml" --kubeconfig="$folder/kubelet.conf" \
  --hostname-override=$node --node-ip=$address --root-dir=/var/lib/kubelet
daemon proxy kube-proxy --kubeconfig="$folder/proxy.conf" --hostname-override=$node --cluster-cidr=10.88.0.0/16 \
  --proxy-mode=iptables --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
await 60 "the node's readiness" kubectl wait --for=condition=Ready "node/$node" --timeout=2s
await 30 "the default service account" kubectl get serviceaccount default
