#!/usr/bin/env bash
# etcd, the API server, controllers and the scheduler, within the first node's namespaces: see up.sh.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
# shellcheck source=e2e/cluster/names.sh
. "$here/names.sh" "$1"
node=$2
# shellcheck source=e2e/cluster/daemon.sh
. "$here/daemon.sh"

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
for number in 1 2; do
  certificate "node-$number" "/O=system:nodes/CN=system:node:node-$number" "DNS:node-$number,IP:10.99.0.$number"
done
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
for who in admin controller-manager scheduler proxy node-1 node-2; do
  cat >"$folder/$who.conf" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "https://$address:6443", certificate-authority: $folder/pki/ca.crt}}]
users: [{name: u, user: {client-certificate: $folder/pki/$who.crt, client-key: $folder/pki/$who.key}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
YAML
done
cd /

daemon etcd etcd --data-dir "$folder/etcd" --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
daemon apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
  --advertise-address="$address" --bind-address=0.0.0.0 --allow-privileged=true \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --client-ca-file="$folder/pki/ca.crt" --tls-cert-file="$folder/pki/apiserver.crt" --tls-private-key-file="$folder/pki/apiserver.key" \
  --kubelet-client-certificate="$folder/pki/kubelet-client.crt" --kubelet-client-key="$folder/pki/kubelet-client.key" \
  --kubelet-certificate-authority="$folder/pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --service-account-key-file="$folder/pki/sa.pub" --service-account-signing-key-file="$folder/pki/sa.key" \
  --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/16 \
  --audit-policy-file="$here/audit.yaml" --audit-log-path="$folder/audit.json" --audit-log-mode=batch
await 60 "kube-apiserver" kubectl get --raw=/readyz
daemon controller-manager kube-controller-manager --kubeconfig="$folder/controller-manager.conf" \
  --root-ca-file="$folder/pki/ca.crt" --service-account-private-key-file="$folder/pki/sa.key" \
  --use-service-account-credentials=true --leader-elect=false --bind-address=127.0.0.1 \
  --authentication-kubeconfig="$folder/controller-manager.conf" --authorization-kubeconfig="$folder/controller-manager.conf"
daemon scheduler kube-scheduler --kubeconfig="$folder/scheduler.conf" --leader-elect=false --bind-address=127.0.0.1
