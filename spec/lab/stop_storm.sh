#!/usr/bin/env bash
# stop_storm.sh - stops a server in the middle of a storm of connects, again and
# again, and counts who was lost: connected, and then left without the reply.
set -euo pipefail
# shellcheck source=spec/lab/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat >&2 <<'TEXT'
usage: stop_storm.sh [option]... -- SERVER...
  --stops N       how many stops (20)
  --rate N        connects a second; 0 is flat out (800)
  --flight N      how many at once when flat out (64)
  --sources N     loopback addresses the clients come from (8)
  --after A,B     SIGTERM comes A to B ms after the first reply, at random (20,140)
  --with TEMPER   more clients beside the storm, as `--idle n=10` (may be repeated)
  --rtt MS        at this distance, in a lab of two namespaces (none: right here)
  --loss N        there, one packet in N is lost (0)
  --seed N        of the random moments and losses (1)
  --wait SECONDS  how long a server may take to end (30)
  --label TEXT    the row's name (the server's command)
  --header        print the table's header first

SERVER must print `listening ADDRESS` and stop on SIGTERM; it is started once per
stop. In a lab it runs at 10.77.0.1 and fd77::1. Prints one row. Exit status: 0
nobody was lost and every server ended with 0; 1 otherwise; 77 no lab here.
LAB_VERBOSE=1 prints the clients' own lines too.
TEXT
  exit 2
}

row='%-36s %5s %9s %9s %9s %7s %10s %8s %7s %8s %7s\n'

stops=20 rate=800 flight=64 sources=8 after=20,140 rtt='' loss=0 seed=1 patience=30 label=''
header=false tempers=()
while (($# > 0)) && [[ $1 != -- ]]; do
  if [[ $1 == --header ]]; then
    header=true
    shift
    continue
  fi
  (($# > 1)) || usage
  case $1 in
    --stops) stops=$2 ;;
    --rate) rate=$2 ;;
    --flight) flight=$2 ;;
    --sources) sources=$2 ;;
    --after) after=$2 ;;
    --with) read -ra words <<<"$2" && tempers+=("${words[@]}") ;;
    --rtt) rtt=$2 ;;
    --loss) loss=$2 ;;
    --seed) seed=$2 ;;
    --wait) patience=$2 ;;
    --label) label=$2 ;;
    *) usage ;;
  esac
  shift 2
done
(($# > 1)) || usage
shift
server=("$@")
[[ -n $label ]] || label="${server[*]##*/}"
[[ $after =~ ^([0-9]+),([0-9]+)$ ]] || usage
((BASH_REMATCH[2] >= BASH_REMATCH[1])) || usage
earliest=${BASH_REMATCH[1]} span=$((BASH_REMATCH[2] - BASH_REMATCH[1] + 1))

storm="rate=$rate,seconds=10,until_refused=200"
((rate > 0)) || storm+=",flight=$flight"

declare -A sum=()
failures=0

# Adds up the counts of every line `temper key=value ...`.
add_up() { # FILE
  local name pairs pair
  while read -r name pairs; do
    [[ $name != READY ]] || continue
    for pair in $pairs; do
      [[ $pair =~ ^([a-z]+)=([0-9]+)$ ]] || continue
      sum[${BASH_REMATCH[1]}]=$((${sum[${BASH_REMATCH[1]}]:-0} + BASH_REMATCH[2]))
    done
  done <"$1"
}

one_stop() { # MS
  local clients_status=0 server_status=0
  start_server "${server[@]}"
  (right "$BUILD/clients" --until 30 --sources "$sources" --name-lost --term "$lab_server_pid" \
    --term-after "$1" "$lab_address" --storm "$storm" "${tempers[@]}") \
    >"$lab_dir/clients.out" 2>"$lab_dir/clients.err" || clients_status=$?
  wait_server "$patience" || server_status=$?
  if ((server_status != 0 || clients_status > 1)); then
    failures=$((failures + 1))
    say "$label: server status $server_status, clients status $clients_status"
    cat "$lab_dir/server.out" "$lab_dir/server.err" "$lab_dir/clients.err" >&2
  fi
  [[ -z ${LAB_VERBOSE:-} ]] || cat "$lab_dir/clients.out" "$lab_dir/clients.err" "$lab_dir/server.out" >&2
  add_up "$lab_dir/clients.out"
}

trap lab_down EXIT
trap 'exit 130' INT TERM
lab_room
[[ -z $rtt ]] || lab_up "$rtt" "$loss" "$seed"
RANDOM=$seed
for ((i = 0; i < stops; i++)); do
  one_stop $((earliest + RANDOM % span))
done

if $header; then
  # shellcheck disable=SC2059
  printf "$row" server stops connected served refused lost truncated hanging other delayed failed
fi
lost=$((${sum[lost]:-0} + ${sum[unfinished]:-0}))
truncated=$((${sum[truncated]:-0} + ${sum[garbled]:-0}))
other=$((${sum[other]:-0} + ${sum[local]:-0} + ${sum[reset]:-0}))
# shellcheck disable=SC2059
printf "$row" "$label" "$stops" "${sum[connected]:-0}" "${sum[served]:-0}" "${sum[refused]:-0}" \
  "$lost" "$truncated" "${sum[hanging]:-0}" "$other" "${sum[delayed]:-0}" "$failures"
((lost + truncated + ${sum[hanging]:-0} + other + failures == 0))
