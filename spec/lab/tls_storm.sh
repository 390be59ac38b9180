#!/usr/bin/env bash
# tls_storm.sh - stops servers over TLS in a storm of clients at a distance, the usual ways and lastcall's, and prints
# how many clients were lost: connected, and without a whole reply. `make lab` runs it.
#
# Variables: STOPS (5) for each row; RTT (40) in milliseconds; RATE (400) of clients a second; ONLY: rows whose name
# begins with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=spec/lab/lib.sh
source "$PWD/spec/lab/lib.sh"

stops=${STOPS:-5} rtt=${RTT:-40} rate=${RATE:-400} only=${ONLY:-}
export BUILD LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"
PATH=$PATH:/usr/sbin

address=10.77.0.1:8443
row='%-46s %6s %9s %6s\n'
lost_by_us=0

missing=$(lab_missing)
[[ -e $BUILD/lua/lastcall/tls/core.so ]] || missing="the module of TLS is not built: no headers of OpenSSL"
if [[ -n $missing ]]; then
  say "skipped: $missing"
  exit "$SKIPPED"
fi
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
certificate=$room/cert.pem key=$room/key.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=lab \
  -keyout "$key" -out "$certificate" 2>/dev/null

cat >"$room/nginx.conf" <<TEXT
daemon off; master_process off; pid $room/pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $room/b; proxy_temp_path $room/p; fastcgi_temp_path $room/f; uwsgi_temp_path $room/u; scgi_temp_path $room/s;
  server {
    listen $address ssl; ssl_certificate $certificate; ssl_certificate_key $key; ssl_protocols TLSv1.2 TLSv1.3;
    location / { return 200 "hello\n"; }
  }
}
TEXT

# measure NAME SIGNAL SERVER...: one row.
measure() {
  local name=$1 signal=$2 connected=0 lost=0 out i
  shift 2
  [[ $name == "$only"* ]] || return 0
  for ((i = 0; i < stops; i++)); do
    out=$(LAB_VERBOSE=1 spec/lab/lab.sh --rtt "$rtt" -- "$@" -- \
      lua5.4 spec/lab/tls_storm_client.lua @ADDRESS @PID "$signal" "$rate" 2>&1) || true
    [[ $out =~ connected\ ([0-9]+)\ lost\ ([0-9]+) ]] || { say "$name: $out"; return 1; }
    connected=$((connected + BASH_REMATCH[1])) lost=$((lost + BASH_REMATCH[2]))
  done
  # shellcheck disable=SC2059
  printf "$row" "$name" "$stops" "$connected" "$lost"
  [[ $name != lastcall ]] || lost_by_us=$lost
}

as_listening() { echo "listening $address" && exec "$@"; }
export -f as_listening
export address

printf '\nover TLS: round trip %s ms, %s clients a second, stopped in the middle\n' "$rtt" "$rate"
# shellcheck disable=SC2059
printf "$row" "how the server stops" stops connected lost
! command -v go >/dev/null || { GO111MODULE=off GOFLAGS='' go build -o "$room/go_server" spec/lab/go_http_server.go &&
  measure "Go net/http Shutdown" TERM "$room/go_server" "$address" "$certificate" "$key"; }
! command -v nginx >/dev/null ||
  measure "nginx QUIT" QUIT bash -c 'as_listening "$@"' - nginx -p "$room" -c "$room/nginx.conf"
measure "lastcall" TERM lua5.4 spec/lab/tls_server.lua "$address" "$certificate" "$key"

((lost_by_us == 0)) || echo "lastcall lost $lost_by_us"
((lost_by_us == 0))
