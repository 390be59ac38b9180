#!/usr/bin/env bash
# Runs a program that listens on 127.0.0.1:PORT, says hello to it, and sends it SIGTERM.
# Usage: quick_start.sh PROGRAM PORT   (in a network where nobody else has the port)
set -euo pipefail
lua5.4 "$1" &
server=$!
trap 'kill -KILL "$server" 2>/dev/null || true' EXIT
for _ in $(seq 50); do
  if exec 3<>"/dev/tcp/127.0.0.1/$2"; then break; fi 2>/dev/null
  sleep 0.1
done
echo hello >&3
read -r -t 5 answer <&3
echo "$answer"
exec 3>&-
kill -TERM "$server"
wait "$server"
