#!/usr/bin/env bash
# Gets what a Kubernetes node is made of into a folder of its own and prints its path.
#
# Kubernetes and Helm are built from their Go modules (some minutes, once); the rest are the
# distribution's packages, unpacked and not installed. Safe to run twice, and twice at once.
set -euo pipefail
cd "$(dirname "$0")"
. ../once.sh

kubernetes=1.34.4
helm=3.19.5
packages=(etcd-server iptables conntrack containernetworking-plugins libxtables12 libip4tc2
  libip6tc2 libnftnl11 libmnl0 libnfnetlink0 libnetfilter-conntrack3)

get() {
  local go unpacked=$work/unpacked version=k8s.io/component-base/version
  go=$(../install-go.sh)
  export PATH=$go:$PATH GOTOOLCHAIN=auto
  mkdir "$new"/{bin,lib,cni}

  echo "getting etcd, iptables and network plugins from the distribution's packages"
  ../unpack-packages.sh "$unpacked" "${packages[@]}"
  cp -a "$unpacked"/usr/lib/cni/. "$new/cni/"
  cp "$unpacked/usr/bin/etcd" "$unpacked/usr/sbin/conntrack" "$new/bin/"
  cp "$unpacked/usr/sbin/xtables-legacy-multi" "$new/bin/"
  for command in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -s xtables-legacy-multi "$new/bin/$command"
  done
  find "$unpacked/usr/lib" -name 'lib*.so*' -not -path '*/xtables/*' -exec cp -a -t "$new/lib" {} +
  cp -a "$(find "$unpacked/usr/lib" -type d -name xtables)" "$new/lib/xtables"

  echo "building Kubernetes $kubernetes and Helm $helm, once (5 to 10 minutes)"
  export GOFLAGS=-buildvcs=false CGO_ENABLED=0
  (cd tools && nice go build -trimpath -o "$new/bin/" \
    -ldflags "-s -w -X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=34" \
    k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kube-proxy,kubelet,kubectl})
  GOBIN=$new/bin nice go install -trimpath -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@v$helm"
}

once kubernetes-$kubernetes-1 get
