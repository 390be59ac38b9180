#!/usr/bin/env bash
# lab.sh - runs a server and a client at a distance from each other.
set -euo pipefail
# shellcheck source=spec/lab/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat >&2 <<'TEXT'
usage: lab.sh [--rtt MS] [--loss N] [--seed N] -- SERVER... -- CLIENT...
  --rtt MS   round trip (40)
  --loss N   one packet in N is lost (0: none)
  --seed N   which packets (1)

SERVER runs at 10.77.0.1 and fd77::1 and must print `listening ADDRESS`; CLIENT
runs at 10.77.0.2 and fd77::2. In CLIENT the words @ADDRESS and @PID stand for
the server's address and process id. CLIENT may steer the link: it finds a fifo in
$LAB_CONTROL (delay MS, loss N, block left|right|both|none, status), and the
link's process id in $LAB_LINK_PID.

When CLIENT has ended, the server gets SIGTERM and 30 seconds. Exit status: the
client's, else the server's; 77 where there can be no lab. LAB_VERBOSE=1 prints
what the server and the link had to say.
TEXT
  exit 2
}

rtt=40 loss=0 seed=1
while (($# > 0)) && [[ $1 != -- ]]; do
  (($# > 1)) || usage
  case $1 in
    --rtt) rtt=$2 ;;
    --loss) loss=$2 ;;
    --seed) seed=$2 ;;
    *) usage ;;
  esac
  shift 2
done
(($# > 0)) || usage
shift
server=() client=()
while (($# > 0)) && [[ $1 != -- ]]; do
  server+=("$1")
  shift
done
(($# > 1 && ${#server[@]} > 0)) || usage
shift
client=("$@")

trap lab_down EXIT
trap 'exit 130' INT TERM
lab_up "$rtt" "$loss" "$seed"
start_server "${server[@]}"
for i in "${!client[@]}"; do
  client[i]=${client[i]//@ADDRESS/$lab_address}
  client[i]=${client[i]//@PID/$lab_server_pid}
done
export LAB_CONTROL=$lab_dir/control LAB_LINK_PID=$lab_link_pid LAB_SERVER_PID=$lab_server_pid

client_status=0 server_status=0
(right "${client[@]}") || client_status=$?
kill -TERM "$lab_server_pid" 2>/dev/null || true
wait_server 30 || server_status=$?
if [[ -n ${LAB_VERBOSE:-} ]]; then cat "$lab_dir/server.out" "$lab_dir/server.err" >&2; fi
((server_status == 0)) || say "the server ended with status $server_status"
((client_status != 0)) || client_status=$server_status
exit "$client_status"
