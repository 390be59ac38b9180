#!/usr/bin/env bash
# pair.sh - two servers on one address. SIGTERM stops the first, and some time after its end the second.
# Usage: pair.sh ADDRESS SERVER...   (in SERVER, @ADDRESS and @PLACE stand for the address and 1 or 2)
set -euo pipefail
# shellcheck source=spec/lab/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
(($# > 1)) || { echo "usage: pair.sh ADDRESS SERVER..." >&2; exit 2; }

address=$1 pids=()
shift
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

# Starts the member at PLACE; `address` becomes the one in use.
start_member() { # PLACE SERVER...
  local place=$1 out=$room/$1
  shift
  local words=("${@//@ADDRESS/$address}")
  "${words[@]//@PLACE/$place}" >"$out" 2>&1 &
  pids+=($!)
  address=$(await_line "$out" 'listening ' 10 "$!") || { cat "$out" >&2; exit 1; }
}
start_member 1 "$@"
start_member 2 "$@"

told=false
trap 'told=true' TERM INT
printf 'listening %s\n' "$address"
while ! $told; do sleep 0.01; done
status=0
for pid in "${pids[@]}"; do
  kill -TERM "$pid"
  wait "$pid" || status=$?
  sleep 1.5 # whoever is late by the second of a repeated SYN comes meanwhile
done
((status == 0)) || cat "$room"/* >&2
exit "$status"
