#!/usr/bin/env bash
# Runs one command with a Ray of its own across the nodes of this Slurm job; it runs in a batch script, on the first node.
#
#   with-ray.sh COMMAND ARGUMENT...
#
# The command finds Ray through RAY_ADDRESS, ends with the same status, and takes Ray with it. A worker node that dies
# costs its running work only: Ray does that again on the others. Settings, all optional:
#   MOEE_RAY_SCRATCH    folder on each node for Ray's files (/tmp/ray-JOBID; short: a socket's path ends at 107 bytes)
#   MOEE_RAY_WAIT       seconds to wait for the nodes (300); the command starts with those that have come by then
#   MOEE_RAY_DASHBOARD  true: Ray's dashboard on the first node, at 127.0.0.1, port 8265 or the next free one (false)
#   MOEE_HEAD_ADDRESS   see head-address.sh
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: with-ray.sh COMMAND ARGUMENT..." >&2; exit 2; }
[ -n "${SLURM_JOB_ID:-}" ] || { echo "with-ray.sh runs in a Slurm job: sbatch deploy/slurm/ray.sbatch ..." >&2; exit 2; }
command -v ray >/dev/null || { echo "no ray here: activate the environment with moee's extra 'cluster'" >&2; exit 2; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=${MOEE_RAY_SCRATCH:-/tmp/ray-$SLURM_JOB_ID}
address=$("$here/head-address.sh")
# Ports that are free now: two jobs on one node, and other users' programs, must not meet.
read -r port client_port < <(python -c 'from socket import socket
both = socket(), socket()
for one in both: one.bind(("", 0))
print(*(one.getsockname()[1] for one in both))')
export RAY_ADDRESS=$address:$port
# Only this job's processes may use its Ray. Through the environment: everyone on a node can read command lines.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
export RAY_task_oom_retries=${RAY_task_oom_retries:-2} # else a source that eats all memory is tried for ever

running= # the command's process
parts=()  # processes of this shell that belong to Ray
# shellcheck disable=SC2317  # the trap runs it
end() {
    trap '' TERM INT
    if [ -n "$running" ]; then
        kill -TERM "$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
    fi
    # The other nodes' step by scancel, so that each cleans up: srun itself would answer TERM by killing it.
    scancel --quiet --signal=TERM "$SLURM_JOB_ID" 2>/dev/null || true
    for attempt in {1..40}; do # seconds; a lost node never answers
        [ "$attempt" -gt 1 ] || kill -TERM "$head" 2>/dev/null || true
        kill -0 "${parts[@]}" 2>/dev/null || break
        sleep 1
    done
    kill -TERM "${parts[@]}" 2>/dev/null || true
    wait "${parts[@]}" 2>/dev/null || true
}
trap end EXIT

"$here/ray-node.sh" "$scratch/head" --head --node-ip-address="$address" --port="$port" --ray-client-server-port="$client_port" \
    --include-dashboard="${MOEE_RAY_DASHBOARD:-false}" --dashboard-host=127.0.0.1 &
head=$!
parts+=("$head")
workers=$((SLURM_JOB_NUM_NODES - 1))
if [ "$workers" -gt 0 ]; then
    # --no-kill, --kill-on-bad-exit=0, --wait=0: a lost node is not the end of the others.
    # --cpus-per-task: since Slurm 22.05 a step does not inherit it from its job.
    # shellcheck disable=SC2016  # each node knows its own number
    srun --nodes="$workers" --ntasks="$workers" --ntasks-per-node=1 --exclude="$SLURMD_NODENAME" \
        --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --no-kill --kill-on-bad-exit=0 --wait=0 \
        bash -c 'exec "$0/ray-node.sh" "$1/$SLURM_NODEID" --address="$RAY_ADDRESS"' "$here" "$scratch" &
    parts+=($!)
fi
"$here/ray-nodes.py" "$SLURM_JOB_NUM_NODES" --wait "${MOEE_RAY_WAIT:-300}" &
parts+=($!)
wait -n "$head" $! || { echo "Ray did not start on the first node: what it said stands above" >&2; exit 1; }

# In the background, so that a signal for this shell (sbatch --signal=B:TERM@60) reaches the command at once.
"$@" &
running=$!
trap 'kill -TERM "$running" 2>/dev/null || true' TERM INT
status=0
while kill -0 "$running" 2>/dev/null; do
    status=0
    wait "$running" || status=$?
done
running=
exit "$status"
