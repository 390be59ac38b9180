# lib.sh - what lab.sh and stop_storm.sh share. To be sourced, by bash.
#
# Everything it starts is remembered by process id, everything it makes is named
# after this shell's own id, and lab_down takes both away again.
# shellcheck shell=bash

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$(cd "$LAB_DIR/../.." && pwd)/build}
SKIPPED=77

lab_left='' lab_right='' lab_dir='' lab_link_pid='' lab_server_pid='' lab_address=''

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# A directory of our own for logs and the control fifo.
lab_room() {
  [[ -n $lab_dir ]] || lab_dir=$(mktemp -d)
}

# Why there can be no lab here; nothing when there can.
lab_missing() {
  if [[ $(id -u) -ne 0 ]]; then echo "needs root"
  elif [[ ! -c /dev/net/tun ]]; then echo "needs /dev/net/tun"
  elif ! command -v ip >/dev/null; then echo "needs ip (apt-get install iproute2)"
  fi
}

# Waits until the file has a line that begins with the word, for at most SECONDS;
# gives up early when process PID has ended. Prints the rest of the line.
await_line() { # FILE WORD SECONDS PID
  local turns=$(($3 * 100)) line
  while ((turns-- > 0)); do
    line=$(grep -m1 "^$2" "$1" 2>/dev/null) && { printf '%s\n' "${line#"$2"}"; return 0; }
    kill -0 "$4" 2>/dev/null || return 1
    sleep 0.01
  done
  return 1
}

# Ends a process of ours: asks, waits at most SECONDS, then insists.
end_process() { # PID SECONDS
  local turns=$(($2 * 100))
  kill -TERM "$1" 2>/dev/null || return 0
  while ((turns-- > 0)) && kill -0 "$1" 2>/dev/null; do sleep 0.01; done
  kill -KILL "$1" 2>/dev/null || true
}

# Two namespaces and the link between them: left is 10.77.0.1 and fd77::1, right
# is 10.77.0.2 and fd77::2.
lab_up() { # RTT-MS LOSS SEED
  local missing delay
  missing=$(lab_missing)
  if [[ -n $missing ]]; then
    say "skipped: $missing"
    exit "$SKIPPED"
  fi
  lab_room
  delay=$(awk -v rtt="$1" 'BEGIN { print rtt / 2 }')
  mkfifo "$lab_dir/control"
  ip netns add "lastcall-$$-left"
  lab_left=lastcall-$$-left
  ip netns add "lastcall-$$-right"
  lab_right=lastcall-$$-right
  "$BUILD/link" --left "$lab_left" --right "$lab_right" --delay "$delay" --loss "$2" --seed "$3" \
    --control "$lab_dir/control" >"$lab_dir/link.out" 2>"$lab_dir/link.err" &
  lab_link_pid=$!
  if ! await_line "$lab_dir/link.out" ready 5 "$lab_link_pid" >/dev/null; then
    cat "$lab_dir/link.err" >&2
    say "the link did not come up"
    exit 1
  fi
}

lab_down() {
  [[ -z $lab_server_pid ]] || end_process "$lab_server_pid" 2
  if [[ -n $lab_link_pid ]]; then
    end_process "$lab_link_pid" 2
    [[ -z ${LAB_VERBOSE:-} ]] || cat "$lab_dir/link.err" >&2
  fi
  [[ -z $lab_left ]] || ip netns del "$lab_left" || true
  [[ -z $lab_right ]] || ip netns del "$lab_right" || true
  [[ -z $lab_dir ]] || rm -rf "$lab_dir"
  lab_left='' lab_right='' lab_dir='' lab_link_pid='' lab_server_pid=''
}

# Runs a command on one side, or here when there is no lab. They replace the shell
# that calls them, so `left CMD &` leaves the command's own id in $!.
left() {
  if [[ -n $lab_left ]]; then exec ip netns exec "$lab_left" "$@"; fi
  exec "$@"
}
right() {
  if [[ -n $lab_right ]]; then exec ip netns exec "$lab_right" "$@"; fi
  exec "$@"
}

# Starts the server on the left; sets lab_server_pid and lab_address.
start_server() { # COMMAND...
  lab_room
  : >"$lab_dir/server.out"
  left "$@" >"$lab_dir/server.out" 2>"$lab_dir/server.err" &
  lab_server_pid=$!
  # shellcheck disable=SC2034 # the callers use it
  if ! lab_address=$(await_line "$lab_dir/server.out" 'listening ' 10 "$lab_server_pid"); then
    cat "$lab_dir/server.out" "$lab_dir/server.err" >&2
    say "the server did not say 'listening ADDRESS'"
    return 1
  fi
}

# Waits for the server, which has been told to stop, for at most SECONDS; its exit
# status, or 124 when it had to be killed.
wait_server() { # SECONDS
  local turns=$(($1 * 100)) status=0 pid=$lab_server_pid
  while ((turns-- > 0)) && kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
  if kill -0 "$pid" 2>/dev/null; then
    kill -KILL "$pid" 2>/dev/null || true
    status=124
  fi
  local ended=0
  wait "$pid" 2>/dev/null || ended=$?
  lab_server_pid=''
  ((status != 0)) || status=$ended
  return "$status"
}
