#!/usr/bin/env bash
# One client whose handshake loses its first SYN-ACK, and then its first request: it comes seconds after
# the connection was accepted, by the client's retransmission timer. SIGTERM in between. Prints the
# client's answer and the server's report. To be run in a network namespace of its own, as its root.
set -euo pipefail
cd "$(dirname "$0")/../.."
ip link set lo up
out=$(mktemp)
lua5.4 spec/support/line_server.lua 127.0.0.1:7000 20,0.5 >"$out" 2>&1 &
server=$!
trap 'rm -f "$out"; kill -KILL "$server" 2>/dev/null || true' EXIT
until grep -q listening "$out"; do sleep 0.05; done

nft -f - <<'RULES'
table ip late {
  chain answers { type filter hook output priority 0; tcp sport 7000 tcp flags & (syn | ack) == (syn | ack) drop; }
  chain requests { type filter hook output priority 0; tcp dport 7000 tcp flags & psh == psh drop; }
}
RULES
(
  exec 3<>/dev/tcp/127.0.0.1/7000
  echo "echo at last" >&3
  read -r -t 15 answer <&3
  echo "the client got: $answer"
) &
client=$!
sleep 0.5
nft flush chain ip late answers # the next SYN, after a second, is answered
sleep 1.2                       # connected and accepted by now; its request is dropped
kill -TERM "$server"
sleep 1.5 # far more than quiet
nft flush chain ip late requests
wait "$client" || echo "the client was lost"
wait "$server"
cat "$out"
