#!/usr/bin/env bash
# Runs the units of examples/units/ under a systemd of its own: unshare --mount bash spec/support/units.sh ADDRESS
#
# The systemd is a user's: it needs no process number of its own, and ends with this script. /run is a new one. Prints what
# each step came to. Exit status 9: there can be no such systemd here.
set -u
address=$1 here=$PWD
mount -t tmpfs none /run 2>/dev/null || exit 9
mkdir -p /run/systemd/system /run/user/0 /run/home/systemd/user
chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0 HOME=/run/home XDG_CONFIG_HOME=/run/home
for unit in examples/units/health.socket examples/units/*.service; do
  sed -e "s#/srv/health#$here/examples#; s#/usr/local/bin#$here/bin#g; s#/run/health#/run/user/0/health#g" \
    -e "s#127.0.0.1:7003#$address#; /^DynamicUser/d; s#^\[Service\]#&\nEnvironment=\"LUA_PATH=$here/lua/?.lua;$here/lua/?/init.lua;;\"#" \
    -e "s#^\[Service\]#&\nEnvironment=\"LUA_CPATH=$here/${LASTCALL_BUILD:-build}/lua/?.so;;\"#" \
    "$unit" >/run/home/systemd/user/"${unit##*/}"
done
timeout 100 /lib/systemd/systemd --user >/run/home/log 2>&1 &
manager=$!
trap 'kill $manager' EXIT
control() { timeout 60 systemctl --user --no-ask-password "$@" 2>/dev/null; }
for ((i = 0; i < 100; i++)); do
  control list-units >/dev/null && break
  kill -0 $manager 2>/dev/null || exit 9
  sleep 0.1
done
ask() { timeout 20 bash -c "exec 3<>/dev/tcp/${address/://}; printf 'GET / HTTP/1.0\r\n\r\n' >&3; tail -n1 <&3"; }
step() { control "$@" && echo "$*: done" || echo "$*: failed"; }

step start health.socket
step start health.service
ask
control show health.service -p StatusText
step stop health.service
control show health.service -p Result
step start workers.service
ask
step reload workers.service
control show workers.service -p StatusText
ask
step stop workers.service
control show workers.service -p Result

# Now the script opens its socket itself, and systemd keeps it when the supervisor dies.
control stop health.socket
sed -i "/health\.socket/d; s#systemd:web#$address#" /run/home/systemd/user/workers.service
control daemon-reload
step start workers.service
control show workers.service -p NFileDescriptorStore
control kill --kill-who=main --signal=KILL workers.service
for ((i = 0; i < 500; i++)); do
  [ "$(control show workers.service -p SubState)" = SubState=running ] || break
done
ask # waits for the next one
control show workers.service -p NFileDescriptorStore
step stop workers.service
control show workers.service -p NFileDescriptorStore
