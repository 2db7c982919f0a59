#!/bin/sh
# The first process of a guest of `make test-kernels`: mounts what a machine has, runs the checks,
# writes what they say to the second serial line, and turns the machine off.
export PATH=/usr/bin:/bin HOME=/
if [ ! -e /proc/self ]; then
  # What the kernel unpacked its files to cannot be left by pivot_root, which runc does in a
  # container: a mount on top of it can.
  mount --bind / /mnt
  cd /mnt || exit
  mount --move . /
  mount -t proc proc proc
  exec chroot . /init
fi

mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# Not over /tmp: this tree may have been there, and its script is where it was.
mount -t tmpfs tmpfs /run
if grep -q cgroups=v1 /proc/cmdline; then
  mount -t tmpfs tmpfs /sys/fs/cgroup
  # Name, hierarchy, number of cgroups, enabled.
  grep -v '^#' /proc/cgroups | while read -r name _ _ enabled; do
    [ "$enabled" = 1 ] || continue
    mkdir "/sys/fs/cgroup/$name"
    mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" || rmdir "/sys/fs/cgroup/$name"
  done
else
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

export TRACEHERD=/traceherd/traceherd TRACEHERD_RUNTIMES=/runtimes
{
  printf 'RELEASE\t%s\n' "$(uname -r)"
  RUST_BACKTRACE=1 /traceherd/guest
  printf 'ENDED\t%s\n' $?
} >/dev/ttyS1
poweroff -f
