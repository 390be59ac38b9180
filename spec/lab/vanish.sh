#!/usr/bin/env bash
# vanish.sh - peers that vanish from the network without a word: after how long each is noticed.
# `make lab` runs it. RTT (40) in milliseconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=spec/lab/lib.sh
source "$PWD/spec/lab/lib.sh"

missing=$(lab_missing)
if [[ -n $missing ]]; then
  echo "skipped: peers that vanish: $missing"
  exit "$SKIPPED"
fi

export BUILD LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"
# keepalive {idle = 1, interval = 1, count = 2}: 3 s by its arithmetic; what the kernel rounds comes on top.
# A peer is gone since the server read its last word, which it may read late where everything is slow.
slow=${LASTCALL_SLOW:-1}
bound=3 wait=8
out=$(LAB_VERBOSE=1 spec/lab/lab.sh --rtt "${RTT:-40}" -- lua5.4 spec/lab/vanish_server.lua 10.77.0.1:0 \
  -- lua5.4 spec/lab/vanish_client.lua @ADDRESS "$wait" 2>&1) || true

printf '%-46s %9s %9s %12s %s\n' "the peer vanishes" configured noticed "by default" "the state's cause"
failed=0
judge() { # NAME KIND CONFIGURED DEFAULT
  local seconds cause
  read -r seconds cause < <(awk -v kind="$2" '$1 == "gone" && $2 == kind { $1 = $2 = ""; print; exit }' <<<"$out") || true
  printf '%-46s %7s s %7s s %10s s  %s\n' "$1" "$3" "${seconds:--}" "$4" "${cause:-never noticed}"
  awk -v s="${seconds:-99}" -v c="$3" -v slow="$slow" 'BEGIN { exit !(s >= c - 0.5 * slow && s <= c + 3 * slow) }' || failed=1
}
judge "idle (keepalive)" idle "$bound" 60
judge "with data on its way (user timeout)" flight "$bound" 60
judge "with its window closed (user timeout)" window "$bound" 60
judge "idle, keepalive off (heartbeat 1 s, 1 s)" beat 2 "15 + 10"
if ((failed)); then
  echo "noticed too early, too late, or never; what the server said:"
  printf '%s\n' "$out"
  exit 1
fi
