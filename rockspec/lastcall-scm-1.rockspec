rockspec_format = "3.0"
package = "lastcall"
version = "scm-1"

source = {
  -- Built where it lies: luarocks make rockspec/lastcall-scm-1.rockspec
  url = "git+file://.",
}

description = {
  summary = "Network servers that leave without losing anyone's reply",
  detailed = [[
    A TCP and unix-socket server for Lua. On SIGTERM it stops listening without
    losing a client, lets every handler finish, ends on time whatever a peer does,
    and reports who was slow. Linux only.
  ]],
  labels = { "network", "server", "async" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.4, < 5.5",
}

test = {
  type = "busted",
}

build = {
  type = "builtin",
  modules = {
    -- BEGIN files (make rockspec)
    ["lastcall.core"] = {
      sources = {
        "lua/binding/conn.c",
        "lua/binding/conn_closing.c",
        "lua/binding/conn_detach.c",
        "lua/binding/conn_leaks.c",
        "lua/binding/conn_reading.c",
        "lua/binding/conn_settings.c",
        "lua/binding/conn_writing.c",
        "lua/binding/connect.c",
        "lua/binding/context.c",
        "lua/binding/context_tasks.c",
        "lua/binding/coroutine.c",
        "lua/binding/facts.c",
        "lua/binding/interrupt.c",
        "lua/binding/module.c",
        "lua/binding/options.c",
        "lua/binding/poll.c",
        "lua/binding/process.c",
        "lua/binding/runtime.c",
        "lua/binding/server.c",
        "lua/binding/server_events.c",
        "lua/binding/server_listening.c",
        "lua/binding/server_waiting.c",
        "lua/binding/signals.c",
        "lua/binding/socket_descriptor.c",
        "lua/binding/socket_dns.c",
        "lua/binding/socket_object.c",
        "lua/binding/socket_options.c",
        "lua/binding/socket_select.c",
        "lua/binding/socket_stream.c",
        "lua/binding/socket_waiting.c",
        "lua/binding/sockopt.c",
        "lua/binding/spot.c",
        "lua/binding/stragglers.c",
        "lua/binding/task.c",
        "lua/binding/task_handle.c",
        "lua/binding/task_process.c",
        "lua/binding/task_run.c",
        "lua/binding/watchdog.c",
        "core/address.c",
        "core/buffer.c",
        "core/closing.c",
        "core/code.c",
        "core/conn.c",
        "core/drain.c",
        "core/features.c",
        "core/input.c",
        "core/keepalive.c",
        "core/listener.c",
        "core/listener_stop.c",
        "core/loop.c",
        "core/output.c",
        "core/poll.c",
        "core/registry.c",
        "core/resolver.c",
        "core/select.c",
        "core/server.c",
        "core/shutdown.c",
        "core/sock_diag.c",
        "core/sockopt.c",
        "core/sys_linux.c",
        "core/sys_signal.c",
        "core/time.c",
        "core/timer.c",
        "core/timetable.c",
        "core/watchdog.c",
      },
      incdirs = { "core" },
      defines = { "_GNU_SOURCE" },
      libraries = { "pthread" },
    },
    ["lastcall.address"] = "lua/lastcall/address.lua",
    ["lastcall.channel"] = "lua/lastcall/channel.lua",
    ["lastcall.conn"] = "lua/lastcall/conn.lua",
    ["lastcall.connect"] = "lua/lastcall/connect.lua",
    ["lastcall.context"] = "lua/lastcall/context.lua",
    ["lastcall.dump"] = "lua/lastcall/dump.lua",
    ["lastcall.embed"] = "lua/lastcall/embed.lua",
    ["lastcall.every"] = "lua/lastcall/every.lua",
    ["lastcall.group"] = "lua/lastcall/group.lua",
    ["lastcall.hooks"] = "lua/lastcall/hooks.lua",
    ["lastcall"] = "lua/lastcall/init.lua",
    ["lastcall.log"] = "lua/lastcall/log.lua",
    ["lastcall.meta"] = "lua/lastcall/meta.lua",
    ["lastcall.meta_tasks"] = "lua/lastcall/meta_tasks.lua",
    ["lastcall.options"] = "lua/lastcall/options.lua",
    ["lastcall.pipe"] = "lua/lastcall/pipe.lua",
    ["lastcall.poll"] = "lua/lastcall/poll.lua",
    ["lastcall.progress"] = "lua/lastcall/progress.lua",
    ["lastcall.queue"] = "lua/lastcall/queue.lua",
    ["lastcall.report"] = "lua/lastcall/report.lua",
    ["lastcall.run"] = "lua/lastcall/run.lua",
    ["lastcall.select"] = "lua/lastcall/select.lua",
    ["lastcall.semaphore"] = "lua/lastcall/semaphore.lua",
    ["lastcall.server"] = "lua/lastcall/server.lua",
    ["lastcall.signals"] = "lua/lastcall/signals.lua",
    ["lastcall.socket.datagram"] = "lua/lastcall/socket/datagram.lua",
    ["lastcall.socket.dns"] = "lua/lastcall/socket/dns.lua",
    ["lastcall.socket.except"] = "lua/lastcall/socket/except.lua",
    ["lastcall.socket"] = "lua/lastcall/socket/init.lua",
    ["lastcall.socket.install"] = "lua/lastcall/socket/install.lua",
    ["lastcall.socket.ltn12"] = "lua/lastcall/socket/ltn12.lua",
    ["lastcall.socket.object"] = "lua/lastcall/socket/object.lua",
    ["lastcall.socket.options"] = "lua/lastcall/socket/options.lua",
    ["lastcall.socket.select"] = "lua/lastcall/socket/select.lua",
    ["lastcall.socket.serve"] = "lua/lastcall/socket/serve.lua",
    ["lastcall.socket.stream"] = "lua/lastcall/socket/stream.lua",
    ["lastcall.socket.tcp"] = "lua/lastcall/socket/tcp.lua",
    ["lastcall.socket.tls"] = "lua/lastcall/socket/tls.lua",
    ["lastcall.socket.udp"] = "lua/lastcall/socket/udp.lua",
    ["lastcall.socket.unix"] = "lua/lastcall/socket/unix.lua",
    ["lastcall.waitgroup"] = "lua/lastcall/waitgroup.lua",
    -- END files
  },
  install = {
    bin = { "bin/lastcall" },
  },
}
