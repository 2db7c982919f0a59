#!/usr/bin/env bash
# Removes everything a container runtime of the tests made, once its standard input ends.
#
#   sweep.sh NAME FOLDER
#
# The input is a pipe that the test process holds: it ends however that process ends, SIGKILL
# included. NAME is the runtime's cgroup parent and containerd namespace, FOLDER its files, sockets
# and mounts; no process, cgroup or mount without one of them in it is touched. Says "ready" when
# signals can no longer end it. Exits 0 when nothing is left.
set -u
name=$1 folder=$2
if [ -z "$name" ] || [ ! -d "$folder" ]; then
  echo "usage: sweep.sh NAME FOLDER" >&2
  exit 2
fi

# Older dockers write a key there whatever they are told.
docker_key=/etc/docker/key.json
[ -e $docker_key ] && docker_key=

trap '' INT TERM HUP PIPE
echo ready
cat >/dev/null
exec >/dev/null

# The runtime's own processes with the folder on their command line: daemons, shims, runc, clients.
runtime_processes() {
  local proc comm
  for proc in /proc/[0-9]*; do
    { read -r comm <"$proc/comm"; } 2>/dev/null || continue
    case $comm in
      dockerd | docker | docker-proxy | containerd | containerd-shim* | ctr | runc*) ;;
      *) continue ;;
    esac
    if tr '\0' ' ' 2>/dev/null <"$proc/cmdline" | grep -qF "$folder"; then echo "${proc#/proc/}"; fi
  done
}

cgroups() {
  local parent
  for parent in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -f "$parent/cgroup.procs" ] && [ -d "$parent/$name" ] && find "$parent/$name" -depth -type d
  done
}

kill_all() {
  local left pids cgroup
  for _ in $(seq 100); do
    left=0
    pids=$(runtime_processes)
    for pid in $pids; do
      kill -KILL "$pid" 2>/dev/null
      left=1
    done
    for cgroup in $(cgroups); do
      [ -f "$cgroup/freezer.state" ] && echo THAWED >"$cgroup/freezer.state"
      while read -r pid; do
        kill -KILL "$pid"
        left=1
      done <"$cgroup/cgroup.procs"
      rmdir "$cgroup" || left=1
    done 2>/dev/null
    [ $left = 0 ] && return
    sleep 0.05
  done
  echo "sweep.sh: processes of $folder or cgroups of $name are left" >&2
  return 1
}

unmount_all() {
  local point
  # Newest first: what was mounted last lies on top.
  cut -d' ' -f5 /proc/self/mountinfo | tac | while read -r point; do
    case $point in "$folder"/*) umount -l "$point" ;; esac
  done
}

kill_all
status=$?
# The sockets of killed shims; their bundles name them.
find "$folder" -path '*io.containerd.runtime.v2.task*' -name address -type f 2>/dev/null |
  while read -r address; do
    socket=$(cat "$address")
    case $socket in unix:///run/containerd/s/*) rm -f "${socket#unix://}" ;; esac
  done
unmount_all || status=1
if [ -n "$docker_key" ]; then
  rm -f "$docker_key"
  rmdir /etc/docker 2>/dev/null
fi
rm -rf --one-file-system "$folder" "/run/containerd/runc/$name" || status=1
exit $status
