#!/usr/bin/env bash
# Prints the IPv4 address under which the other nodes of this Slurm job reach its first node; run it on that node.
# MOEE_HEAD_ADDRESS overrides it, for a network that Slurm does not know (InfiniBand).
set -euo pipefail

if [ -n "${MOEE_HEAD_ADDRESS:-}" ]; then
    echo "$MOEE_HEAD_ADDRESS"
    exit
fi
# How Slurm itself reaches the node: right without DNS, and right where a node has several networks.
address=$(scontrol --oneliner show node "$SLURMD_NODENAME" | grep --only-matching --perl-regexp '(?<= NodeAddr=)\S+')
if ! [[ $address =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
    address=$(getent ahostsv4 "$address" | awk 'NR == 1 { print $1 }' || true)
    # Debian's /etc/hosts gives a machine's own name a loopback address, which no other node can use.
    case $address in '' | 127.*) address=$(hostname -I | awk '{ print $1 }') ;; esac
fi
[ -n "$address" ] || { echo "no IPv4 address found for $SLURMD_NODENAME: set MOEE_HEAD_ADDRESS" >&2; exit 2; }
echo "$address"
