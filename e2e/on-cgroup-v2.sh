#!/usr/bin/env bash
# Runs a program in a mount namespace of its own where only cgroup v2 is mounted.
#
#   on-cgroup-v2.sh PROGRAM [ARGUMENT...]
set -euo pipefail
# shellcheck disable=SC2016 # the inner shell expands it
exec unshare --mount sh -c \
  'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$@"
