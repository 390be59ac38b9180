#!/bin/sh
# The sketch as a server that is measured: sketch.sh FOLDER MODULE [option of its server.lua]...
#
# It does not say where it listens: a child of this process says it, and ends.

folder=$1 module=$2
shift 2
port=$(shuf -i 20000-30000 -n 1) # below those that the kernel gives to clients
{
  until grep -qi ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp; do sleep 0.02; done
  echo "$port"
} &
export LUA_CPATH="${module%/*}/?.so;;"
exec lua5.4 "$folder/server.lua" "$port" "$@" >/dev/null
