#!/usr/bin/env bash
# A server and every temper of client against it; SIGTERM in mid-storm. Prints what the clients saw and
# the server's report; fails when a client was harmed or the report is not ok.
# Usage: storm.sh [ADDRESS [OPTION=VALUE...]]   (options of the listener; TEMPERS: other clients
# than these; SERVER: another server)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${LASTCALL_BUILD:-build}
ulimit -n "$(ulimit -Hn)"
out=$(mktemp)
server=''
trap 'rm -f "$out"; [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true' EXIT

lua5.4 "${SERVER:-spec/support/line_server.lua}" "${1:-127.0.0.1:0}" 10 "${@:2}" >"$out" 2>&1 &
server=$!
address=''
for _ in $(seq 100); do
  address=$(sed -n 's/^listening //p' "$out")
  [ -z "$address" ] || break
  sleep 0.1
done
tempers=${TEMPERS:---storm rate=0,seconds=5,until_refused=200 --idle n=100 --idle n=100,spoken=1
  --midwork n=50,ms=1000 --twopart n=20,from=bell,pause=300
  --slowread n=5,size=4m,rate=4m --upload n=16,size=64k,body=4m}
status=0
# shellcheck disable=SC2086 # several words
"$build/clients" --until 25 --term "$server" --term-after 200 "$address" $tempers || status=$?
wait "$server" || status=$?
server=''
cat "$out"
exit "$status"
