#!/usr/bin/env bash
# Gets what a Kubernetes node is made of into a folder of its own and prints its path.
#
# Kubernetes and Helm are built from their Go modules (some minutes, once); the rest are the
# distribution's packages, unpacked and not installed. Safe to run twice, and twice at once.
set -euo pipefail
cd "$(dirname "$0")"

kubernetes=1.34.4
helm=3.19.5
packages=(etcd-server iptables conntrack containernetworking-plugins libxtables12 libip4tc2
  libip6tc2 libnftnl11 libmnl0 libnfnetlink0 libnetfilter-conntrack3)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/traceherd
folder=$cache/kubernetes-$kubernetes-1
if [ ! -d "$folder" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.kubernetes.lock"
  flock 9
fi
if [ -d "$folder" ]; then
  echo "$folder"
  exit
fi

go=$(../install-go.sh)
export PATH=$go:$PATH GOTOOLCHAIN=auto
work=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/new/{bin,lib,cni} "$work/unpacked"

echo "getting etcd, iptables and network plugins from the distribution's packages, into $folder" >&2
../unpack-packages.sh "$work/unpacked" "${packages[@]}"
unpacked=$work/unpacked
cp -a "$unpacked"/usr/lib/cni/. "$work/new/cni/"
cp "$unpacked/usr/bin/etcd" "$unpacked/usr/sbin/conntrack" "$work/new/bin/"
cp "$unpacked/usr/sbin/xtables-legacy-multi" "$work/new/bin/"
for command in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s xtables-legacy-multi "$work/new/bin/$command"
done
find "$unpacked/usr/lib" -name 'lib*.so*' -not -path '*/xtables/*' -exec cp -a -t "$work/new/lib" {} +
cp -a "$(find "$unpacked/usr/lib" -type d -name xtables)" "$work/new/lib/xtables"

echo "building Kubernetes $kubernetes and Helm $helm into $folder (5 to 10 minutes)" >&2
version=k8s.io/component-base/version
export GOFLAGS=-buildvcs=false CGO_ENABLED=0
(cd tools && nice go build -trimpath -o "$work/new/bin/" \
  -ldflags "-s -w -X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=34" \
  k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kube-proxy,kubelet,kubectl}) >&2
GOBIN=$work/new/bin nice go install -trimpath -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@v$helm" >&2

mv "$work/new" "$folder"
echo "$folder"
