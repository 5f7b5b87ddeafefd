#!/usr/bin/env bash
# One node's Ray, with what Slurm gave to this job there, until it is told to end: with-ray.sh starts it on every node.
#
#   ray-node.sh SCRATCH OPTION_OF_RAY_START...
set -euo pipefail

scratch=$1
memory=0 # megabytes
if [ -n "${SLURM_MEM_PER_NODE:-}" ]; then
    memory=$SLURM_MEM_PER_NODE
elif [ -n "${SLURM_MEM_PER_CPU:-}" ]; then
    memory=$((SLURM_MEM_PER_CPU * SLURM_CPUS_ON_NODE))
fi
# Without a limit from Slurm (0) Ray takes what the machine has. Only tables and small crops travel between processes, so a
# tenth is enough for the object store; another tenth is left to Ray's own processes.
limits=()
if [ "$memory" -gt 0 ]; then
    store=$((memory / 10 > 100 ? memory / 10 : 100))
    limits=(--memory=$((memory * 8 * 1048576 / 10)) --object-store-memory=$((store * 1048576)))
fi

(umask 077 && mkdir -p "$scratch")
# Ports of 0 are chosen by the system, so that several jobs share a node.
ray start "${@:2}" --block --log-color=false --disable-usage-stats --temp-dir="$scratch" \
    --num-cpus="$SLURM_CPUS_ON_NODE" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" "${limits[@]}" \
    --dashboard-agent-listen-port=0 --min-worker-port=0 --max-worker-port=0 &
ray=$!
trap 'kill -TERM "$ray" 2>/dev/null || true' TERM INT
status=0
while kill -0 "$ray" 2>/dev/null; do
    status=0
    wait "$ray" || status=$?
done
rm -rf "$scratch"
rmdir "$(dirname "$scratch")" 2>/dev/null || true # the job's folder, when no other node shares this machine
exit "$status"
