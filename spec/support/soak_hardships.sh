#!/bin/sh
# soak_hardships.lua with a name server that never answers, where root can give it a network of its own.
# Usage: soak_hardships.sh [SECONDS]
if [ "$(id -u)" = 0 ] && [ -z "$HARDSHIPS_INSIDE" ] && unshare -mn true 2>/dev/null; then
  HARDSHIPS_INSIDE=1 exec unshare -mn "$0" "$@"
fi
if [ -n "$HARDSHIPS_INSIDE" ]; then
  mount --make-rprivate / && ip link set lo up || exit 2
  names=$(mktemp) && echo "nameserver 127.0.0.1" >"$names" && mount --bind "$names" /etc/resolv.conf || exit 2
  rm "$names"
  # A socket that takes questions and answers none; it ends with the network.
  lua5.4 -e 'local s = require "socket".udp() assert(s:setsockname("127.0.0.1", 53)) require "socket".sleep(1e6)' &
  silent=$!
  trap 'kill $silent 2>/dev/null' EXIT
fi
lua5.4 spec/support/soak_hardships.lua "$@"
