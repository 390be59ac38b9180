#!/usr/bin/env bash
# reloads.sh - replaces servers by new ones under a storm of clients, again and again, and counts who was lost. `make soak
# RELOADS=` runs it.
#
# Usage: reloads.sh RELOADS [NAME=VALUE...], whole numbers where nothing else is said
#   rivals=N      reloads of each other server at each place (a twentieth, at least 2)
#   rate=N        connects a second (800)
#   keepalive=N   HTTP clients that keep their connections (100)
#   stretch=S     seconds of a quiet stretch, and at least of a reload compared with it (1)
#   only=TEXT     rows whose name has it, as in "lastcall, rolling, unix"
#
# The reloads are split between three places (TCP on loopback, TCP at a round trip of 40 ms, a unix-domain socket) and two
# ways (all workers at once, one after the other). Exit status: 0 when lastcall lost and refused nobody, and its masters
# are as they were.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=spec/lab/lib.sh
source "$PWD/spec/lab/lib.sh"

[[ ${1:-} =~ ^[0-9]+$ ]] || { say "usage: reloads.sh RELOADS [NAME=VALUE...]"; exit 2; }
reloads=$1 rivals=$(($1 / 20 > 2 ? $1 / 20 : 2))
shift
export BUILD LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"

run_pid=''
# What the run has started ends with it: `bounded` sees to that.
# shellcheck disable=SC2317 # by the trap
finish() {
  if [[ -n $run_pid ]] && kill -TERM "$run_pid" 2>/dev/null; then wait "$run_pid" || true; fi
  lab_down
}
trap finish EXIT
trap 'exit 130' INT TERM

lab_room
missing=$(lab_missing)
if [[ -z $missing && " $* " != *" lab=no "* ]]; then
  lab_up 40 0 1
  export LAB_LEFT=$lab_left LAB_RIGHT=$lab_right
else
  export LAB_MISSING=${missing:-"lab=no"}
fi

# Each reload may take so long; most take two seconds.
"$BUILD/bounded" $((600 + 10 * (reloads + 6 * rivals))) lua5.4 spec/lab/reloads/run.lua "$lab_dir" \
  reloads="$reloads" rivals="$rivals" "$@" &
run_pid=$!
status=0
wait "$run_pid" || status=$?
run_pid=''
exit "$status"
