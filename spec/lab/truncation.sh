#!/usr/bin/env bash
# truncation.sh - replies to clients that are still uploading what the server will not read: how many arrive
# whole, by how the server closes. `make lab` runs it. RTT (40) in milliseconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=spec/lab/lib.sh
source "$PWD/spec/lab/lib.sh"

missing=$(lab_missing)
if [[ -n $missing ]]; then
  echo "skipped: truncated replies: $missing"
  exit "$SKIPPED"
fi

export BUILD LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"
clients=16 failed=0
row='%-44s %16s %16s\n'

# "whole / truncated" of one crowd.
crowd() { # SIZE RATE SERVER...
  local size=$1 rate=$2 out
  shift 2
  out=$(spec/lab/lab.sh --rtt "${RTT:-40}" -- "$@" -- "$BUILD/clients" --until 25 @ADDRESS \
    --upload "n=$clients,size=$size,body=4m,rate=$rate" 2>/dev/null) || true
  awk -v all="$clients" '/^upload / {
    for (i = 2; i <= NF; i++) if ($i ~ /^served=/) whole = substr($i, 8)
  } END { printf "%d / %d\n", whole, all - whole }' <<<"$out"
}

compare() { # NAME SIZE RATE
  local plain ours
  plain=$(crowd "$2" "$3" "$BUILD/plain_server" --stop close 10.77.0.1:0)
  ours=$(crowd "$2" "$3" lua5.4 spec/support/line_server.lua 10.77.0.1:0 10)
  # shellcheck disable=SC2059
  printf "$row" "$1" "$plain" "$ours"
  [[ $ours == "$clients / 0" ]] || failed=1
}

echo "Replies to clients that upload 4 MB meanwhile, of which the server reads nothing; round trip ${RTT:-40} ms."
# shellcheck disable=SC2059
printf "$row" "whole / truncated, when the server" "calls close()" "is lastcall"
compare "64 KB, read as it comes" 64k 0
compare "64 KB, read in 2 s" 64k 32k
compare "4 MB, read as it comes" 4m 0
compare "4 MB, read in 4 s" 4m 1m
if ((failed)); then
  echo "lastcall cut replies short"
  exit 1
fi
