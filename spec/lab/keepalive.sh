#!/usr/bin/env bash
# keepalive.sh - stops HTTP servers under keep-alive connections at a distance, the usual ways and lastcall's, and
# prints how many requests were lost: sent, and not answered. `make lab` runs it.
#
# Variables: STOPS (5) for each row; RTT (40) in milliseconds; PAUSES ("0.2 1"): seconds between the requests of a
# connection, on the average; CONNECTIONS (200); ONLY: rows whose name begins with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=spec/lab/lib.sh
source "$PWD/spec/lab/lib.sh"

stops=${STOPS:-5} rtt=${RTT:-40} connections=${CONNECTIONS:-200} only=${ONLY:-}
read -ra pauses <<<"${PAUSES:-0.2 1}"
export BUILD LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"
PATH=$PATH:/usr/sbin

address=10.77.0.1:8080
row='%-46s %6s %9s %6s %6s\n'
unknown=0 # connections that lastcall lost without counting them, or counted without losing them
lost_wrongly=0 # requests lost in rows where lastcall promises to lose none

missing=$(lab_missing)
if [[ -n $missing ]]; then
  say "skipped: $missing"
  exit "$SKIPPED"
fi
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

cat >"$room/nginx.conf" <<TEXT
daemon off; master_process off; pid $room/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000;
  client_body_temp_path $room/b; proxy_temp_path $room/p; fastcgi_temp_path $room/f; uwsgi_temp_path $room/u; scgi_temp_path $room/s;
  server { listen $address; location / { return 200 "hello\n"; } }
}
TEXT
cat >"$room/haproxy.cfg" <<TEXT
defaults
  mode http
  timeout client 75s
  timeout http-keep-alive 75s
frontend front
  bind $address
  http-request return status 200 content-type text/plain string hello
TEXT

# measure NAME SIGNAL PAUSE SERVER...: one row. A server that does not say where it listens is given the word.
measure() {
  local name=$1 signal=$2 pause=$3 served=0 lost=0 late='' out i
  shift 3
  [[ $name == "$only"* ]] || return 0
  for ((i = 0; i < stops; i++)); do
    out=$(LAB_VERBOSE=1 spec/lab/lab.sh --rtt "$rtt" -- "$@" -- \
      lua5.4 spec/lab/keepalive_client.lua @ADDRESS @PID "$signal" "$pause" "$connections" 2>&1) || true
    [[ $out =~ served\ ([0-9]+)\ lost\ ([0-9]+) ]] || { say "$name: $out"; return 1; }
    served=$((served + BASH_REMATCH[1])) lost=$((lost + BASH_REMATCH[2]))
    if [[ $out =~ late\ ([0-9]+) ]]; then late=$((late + BASH_REMATCH[1])); fi
  done
  # shellcheck disable=SC2059
  printf "$row" "$name" "$stops" "$served" "$lost" "$late"
  [[ -n $late ]] || return 0
  ((late == lost)) || unknown=$((unknown + 1))
  case $name,$pause in
    lastcall,0.2 | "lastcall, delay = 10",*) lost_wrongly=$((lost_wrongly + lost)) ;;
  esac
}

as_listening() { echo "listening $address" && exec "$@"; }
export -f as_listening
export address
foreign() { measure "$1" "$2" "$3" bash -c 'as_listening "$@"' - "${@:4}"; }

has() { command -v "$1" >/dev/null || { echo "    (no $1 here)" && false; }; }
lua_row() { measure "$1" TERM "$2" lua5.4 spec/lab/http_server.lua "$address" "${@:3}"; }

for pause in "${pauses[@]}"; do
  printf '\nround trip %s ms, %s connections, a request each %s s on the average\n' "$rtt" "$connections" "$pause"
  # shellcheck disable=SC2059
  printf "$row" "how the server stops" stops served lost "late"
  ! has go || { GO111MODULE=off GOFLAGS='' go build -o "$room/go_server" spec/lab/go_http_server.go &&
    measure "Go net/http Shutdown" TERM "$pause" "$room/go_server" "$address"; }
  ! has node || measure "node close" TERM "$pause" node spec/lab/node_http_server.js "${address%:*}" "${address#*:}"
  ! has nginx || foreign "nginx QUIT" QUIT "$pause" nginx -p "$room" -c "$room/nginx.conf"
  ! has haproxy || foreign "HAProxy USR1" USR1 "$pause" haproxy -db -f "$room/haproxy.cfg"
  lua_row "lastcall" "$pause"
  lua_row "lastcall, quiet = 1" "$pause" quiet=1
  lua_row "lastcall, delay = 5" "$pause" delay=5
  [[ $pause == 0.2 ]] || lua_row "lastcall, delay = 10" "$pause" delay=10
done

echo
((lost_wrongly == 0)) || echo "lastcall lost $lost_wrongly where clients ask often, or delay is above their pauses"
((unknown == 0)) || echo "in $unknown rows report.late is not what the clients have lost"
((lost_wrongly + unknown == 0))
