#!/usr/bin/env bash
# A node's network, from within its namespace: network.sh NODE NUMBER
set -euo pipefail
number=$2
address=10.99.0.$number

ip link set lo up
# The first node has a bridge, to which the others are joined.
[ "$number" != 1 ] || ip link add node0 type bridge
ip address add "$address/24" dev node0
ip link set node0 up
ip route add default via 10.99.0.1
[ "$number" = 1 ] || ip route add 10.88.16.0/20 via 10.99.0.1
echo 1 >/proc/sys/net/ipv4/ip_forward
