# shellcheck shell=bash disable=SC2034,SC2154
# Daemons of a node: sourced by what starts some, within the node's namespaces, after names.sh.
address=10.99.0.${node#node-}
service_address=10.96.0.1

# Starts a command in the background, by a script that can start it again. Its pid is in a file.
daemon() { # name, command…
  local script=$folder/daemons/$1 procs
  mapfile -t procs < <(find /sys/fs/cgroup -maxdepth 3 -path '*/daemons/cgroup.procs')
  cat >"$script" <<SCRIPT
#!/usr/bin/env bash
for procs in ${procs[*]}; do echo \$\$ >"\$procs"; done
echo \$\$ >'$script.pid'
exec setsid $(printf '%q ' "${@:2}") </dev/null >>'$folder/log/$1.log' 2>&1
SCRIPT
  chmod +x "$script"
  "$script" &
}

await() { # seconds, what, command…
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge "$until" ]; then
      echo "$0: not in time: $what" >&2
      exit 1
    fi
    sleep 0.2
  done
}
