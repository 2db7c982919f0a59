#!/usr/bin/env bash
# Gets docker, containerd, runc and a busybox image into a folder of their own and prints its path.
#
# The packages are the distribution's (Debian, Ubuntu); they are unpacked, not installed, so the
# host stays as it is and root is not needed. Safe to run twice, and twice at once.
#
#   <folder>/bin      dockerd docker containerd containerd-shim-runc-v2 ctr runc busybox
#   <folder>/lib      the libraries they need beyond the base system's
#   <folder>/rootfs   a root file system: busybox with its applets linked
#   <folder>/busybox.tar   the same as an image, for `docker load` and `ctr images import`
set -euo pipefail
cd "$(dirname "$0")"
. ./once.sh

packages=(docker.io containerd runc busybox-static libdevmapper1.02.1)
# Separate packages in some releases only.
optional=(docker-cli)
image=docker.io/library/busybox:latest

# shellcheck source=/dev/null
. /etc/os-release
arch=$(dpkg --print-architecture)

get() {
  echo "getting docker, containerd, runc and busybox from the distribution's packages"
  ./unpack-packages.sh "$work/unpacked" "${packages[@]}" --optional "${optional[@]}"

  mkdir -p "$new"/{bin,lib,rootfs}
  find "$work/unpacked" -type f -perm -u+x \( -path '*/bin/*' -o -path '*/sbin/*' \) -exec mv -t "$new/bin" {} +
  find "$work/unpacked" \( -name 'lib*.so' -o -name 'lib*.so.*' \) -exec mv -t "$new/lib" {} +
  for tool in dockerd docker containerd containerd-shim-runc-v2 ctr runc busybox; do
    if [ ! -x "$new/bin/$tool" ]; then
      echo "install-runtimes.sh: the packages ${packages[*]} have no $tool"
      exit 1
    fi
  done

  local rootfs=$new/rootfs saved=$work/image layer config
  mkdir -p "$rootfs"/{bin,dev,etc,proc,root,run,sys,tmp}
  chmod 1777 "$rootfs/tmp"
  cp "$new/bin/busybox" "$rootfs/bin/busybox"
  "$new/bin/busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$rootfs/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$rootfs/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$rootfs/etc/group"

  # An image as `docker save` writes it: a layer, a configuration that names it, a manifest.
  mkdir "$saved"
  tar -C "$rootfs" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$saved/layer.tar" .
  layer=$(sha256sum "$saved/layer.tar" | cut -d' ' -f1)
  cat >"$saved/config.json" <<JSON
{"architecture":"$arch","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"busybox-static"}]}
JSON
  config=$(sha256sum "$saved/config.json" | cut -d' ' -f1).json
  mv "$saved/config.json" "$saved/$config"
  echo "[{\"Config\":\"$config\",\"RepoTags\":[\"$image\"],\"Layers\":[\"layer.tar\"]}]" >"$saved/manifest.json"
  tar -C "$saved" -cf "$new/busybox.tar" manifest.json "$config" layer.tar
}

once "runtimes/${ID:-linux}-${VERSION_ID:-rolling}-$arch-1" get
