#!/usr/bin/env bash
# compare.sh - stops servers in the middle of a storm, the usual ways and lastcall's, near and at a
# distance, and prints tables of who was lost. `make lab` runs it.
#
# Variables: STOPS (20) for each row; RTT (40) in milliseconds; LOSS (12): of so many packets one is lost,
# 0 for no such rows; RATE (800) connects a second at a distance; SEED (1).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=spec/lab/lib.sh
source "$PWD/spec/lab/lib.sh"

stops=${STOPS:-20} rtt=${RTT:-40} loss=${LOSS:-12} rate=${RATE:-800} seed=${SEED:-1}
for number in "$stops" "$rtt" "$loss" "$rate" "$seed"; do
  [[ $number =~ ^[0-9]+$ ]] || { say "STOPS, RTT, LOSS, RATE and SEED are whole numbers, not '$number'"; exit 2; }
done
((stops > 0 && rate > 0)) || { say "STOPS and RATE are at least 1"; exit 2; }

export BUILD LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"

near=127.0.0.1:0 far=10.77.0.1:0 far6='[fd77::1]:0'
row='%-34s %6s %10s %7s %8s\n'
harmed=0 # clients that lastcall lost, where no packet was

# The counts of one row of stop_storm.sh: stops, connected, lost (by whatever it came), delayed, and
# servers that did not end well.
counts() {
  awk '{ print $(NF-9), $(NF-8), $(NF-5) + $(NF-4) + $(NF-3) + $(NF-2), $(NF-1), $NF }'
}

# measure NAME OPTIONS... -- SERVER...: one row of the table.
measure() {
  local name=$1 out stops_made connected lost delayed failed
  shift
  out=$(spec/lab/stop_storm.sh --seed "$seed" --label row "$@" | counts) || true
  read -r stops_made connected lost delayed failed <<<"$out"
  # shellcheck disable=SC2059
  printf "$row" "$name" "$stops_made" "$connected" "$lost" "$delayed"
  ((failed == 0)) || echo "    $failed of these servers did not end with status 0"
  [[ $name != lastcall || " $* " == *" --loss "* ]] || harmed=$((harmed + lost + failed))
}

# Go's server, built when there is Go; what it is not built for is said at the end.
go_server=$BUILD/go_server go_missing=''
if ! command -v go >/dev/null; then
  go_missing="Go is not installed (apt-get install golang-go)"
elif ! go_output=$(GO111MODULE=off GOFLAGS='' go build -o "$go_server" spec/lab/go_server.go 2>&1); then
  go_missing="spec/lab/go_server.go was not built: $go_output"
fi
go_row() { # ADDRESS OPTIONS...
  [[ -n $go_missing ]] || measure "Go net/http Shutdown" "${@:2}" -- "$go_server" "$1"
}

# compare ADDRESS OPTIONS...: all servers.
compare() {
  local address=$1
  shift
  measure "close()" "$@" -- "$BUILD/plain_server" --stop close "$address"
  measure "accept until EAGAIN, close()" "$@" -- "$BUILD/plain_server" --stop accept-close "$address"
  measure "hide, settle 50 ms, close()" "$@" -- "$BUILD/plain_server" --stop hide "$address"
  go_row "$address" "$@"
  measure lastcall "$@" -- lua5.4 spec/support/line_server.lua "$address" 10
}

# A pair on one address, of which one is stopped, and then the other.
compare_pairs() { # ADDRESS OPTIONS...
  local address=$1 pair=spec/lab/pair.sh
  shift
  measure "close()" "$@" -- "$pair" "$address" "$BUILD/plain_server" --reuseport 1 --stop close @ADDRESS
  measure "lastcall, reuseport = true" "$@" -- "$pair" "$address" \
    lua5.4 spec/support/line_server.lua @ADDRESS 10 reuseport=true
  measure lastcall "$@" -- "$pair" "$address" \
    lua5.4 spec/support/line_server.lua @ADDRESS 10 reuseport=@PLACE/2
}

# A backlog too small for the storm: SYN cookies, which leave no handshake to wait for.
compare_backlogs() { # ADDRESS OPTIONS...
  local address=$1
  shift
  measure "close()" "$@" -- "$BUILD/plain_server" --stop close --backlog 8 "$address"
  measure "hide, settle 50 ms, close()" "$@" -- "$BUILD/plain_server" --stop hide --backlog 8 "$address"
  measure lastcall "$@" -- lua5.4 spec/support/line_server.lua "$address" 10 backlog=8
}

heading() {
  printf '\n%s\n' "$1"
  # shellcheck disable=SC2059
  printf "$row" "how the server stops" stops connected lost delayed
}

echo "Each stop: SIGTERM in the middle of a storm of connects."
echo "lost: connect() had succeeded, and the reply did not come whole. delayed: it took more than 0.9 s."

heading "loopback, connecting flat out, 512 at once"
compare "$near" --stops "$stops" --rate 0 --flight 512

few=$(((stops + 6) / 7))
heading "a unix socket, connecting flat out, 512 at once"
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
compare "unix:$room/socket" --stops "$few" --rate 0 --flight 512

# Lost packets are sent again after a second, three, seven: most of it is waiting.
compare_lossy() {
  heading "round trip $rtt ms, $rate connects a second, one packet in $loss lost"
  compare "$far" --stops "$few" --rate "$rate" --rtt "$rtt" --loss "$loss"
}

missing=$(lab_missing)
if [[ -n $missing ]]; then
  printf '\nskipped: the rows at a distance: %s\n' "$missing"
else
  ((loss == 0)) || compare_lossy >"$room/lossy" 2>&1 & # meanwhile
  lossy=$!
  heading "round trip $rtt ms, $rate connects a second"
  compare "$far" --stops "$stops" --rate "$rate" --rtt "$rtt"
  heading "the same over IPv6"
  compare "$far6" --stops "$few" --rate "$rate" --rtt "$rtt"
  heading "the same with a backlog of 8"
  compare_backlogs "$far" --stops "$few" --rate "$rate" --rtt "$rtt"
  heading "the same with a pair on one address (SO_REUSEPORT)"
  compare_pairs "$far" --stops "$few" --rate "$rate" --rtt "$rtt"
  wait "$lossy"
  if ((loss > 0)); then cat "$room/lossy"
  else printf '\nskipped: the rows with packets lost: LOSS=0\n'
  fi
fi

[[ -z $go_missing ]] || printf '\nskipped: the rows of Go: %s\n' "$go_missing"
echo
if ((harmed > 0)); then
  echo "lastcall lost $harmed where no packet was lost"
  exit 1
fi
echo "where no packet was lost, lastcall lost nobody"
