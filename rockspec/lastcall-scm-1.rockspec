rockspec_format = "3.0"
package = "lastcall"
version = "scm-1"

source = {
  -- Built where it lies: luarocks make rockspec/lastcall-scm-1.rockspec; packed by make rock, which puts its folder here.
  url = "git+file://.",
}

description = {
  summary = "Network servers that leave without losing anyone's reply",
  detailed = [[
    A TCP and unix-socket server for Lua. On SIGTERM it stops listening without
    losing a client, lets every handler finish, ends on time whatever a peer does,
    and reports who was slow. Linux only: Lua 5.4.3 or a later 5.4, glibc 2.28 or musl
    1.2, kernel headers of 4.18 or later.
  ]],
  labels = { "network", "server", "async" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.4, < 5.5", -- 5.4.3: luarocks does not know the last number; the compiler looks at it
}

test = {
  type = "busted",
}

build = {
  -- The Makefile knows how the module is optimized as a whole, and what it shows to the process that loads it.
  type = "make",
  build_target = "build/rock/lua/lastcall/core.so",
  build_variables = {
    BUILD = "build/rock",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS) -DNDEBUG", -- what is installed asserts nothing
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
  },
  -- The pages of doc/ but for those who work on lastcall.
  install_target = "rock-doc",
  install_variables = { PREFIX = "$(PREFIX)" },
  copy_directories = {},
  install = {
    bin = { "bin/lastcall" },
    lib = { ["lastcall.core"] = "build/rock/lua/lastcall/core.so" },
    lua = {
      -- BEGIN files (make rockspec)
      ["lastcall.address"] = "lua/lastcall/address.lua",
      ["lastcall.adopt"] = "lua/lastcall/adopt.lua",
      ["lastcall.budget"] = "lua/lastcall/budget.lua",
      ["lastcall.census"] = "lua/lastcall/census.lua",
      ["lastcall.conn"] = "lua/lastcall/conn.lua",
      ["lastcall.connect"] = "lua/lastcall/connect.lua",
      ["lastcall.context"] = "lua/lastcall/context.lua",
      ["lastcall.descriptors"] = "lua/lastcall/descriptors.lua",
      ["lastcall.dump"] = "lua/lastcall/dump.lua",
      ["lastcall.embed"] = "lua/lastcall/embed.lua",
      ["lastcall.hooks"] = "lua/lastcall/hooks.lua",
      ["lastcall.http.access_log"] = "lua/lastcall/http/access_log.lua",
      ["lastcall.http.arguments"] = "lua/lastcall/http/arguments.lua",
      ["lastcall.http.client.authorization"] = "lua/lastcall/http/client/authorization.lua",
      ["lastcall.http.client.exchange"] = "lua/lastcall/http/client/exchange.lua",
      ["lastcall.http.client.inflate"] = "lua/lastcall/http/client/inflate.lua",
      ["lastcall.http.client"] = "lua/lastcall/http/client/init.lua",
      ["lastcall.http.client.message"] = "lua/lastcall/http/client/message.lua",
      ["lastcall.http.client.pool"] = "lua/lastcall/http/client/pool.lua",
      ["lastcall.http.client.proxy"] = "lua/lastcall/http/client/proxy.lua",
      ["lastcall.http.client.redirect"] = "lua/lastcall/http/client/redirect.lua",
      ["lastcall.http.client.reply"] = "lua/lastcall/http/client/reply.lua",
      ["lastcall.http.client.route"] = "lua/lastcall/http/client/route.lua",
      ["lastcall.http.client.sender"] = "lua/lastcall/http/client/sender.lua",
      ["lastcall.http.client.url"] = "lua/lastcall/http/client/url.lua",
      ["lastcall.http.conditions"] = "lua/lastcall/http/conditions.lua",
      ["lastcall.http.date"] = "lua/lastcall/http/date.lua",
      ["lastcall.http.escapes"] = "lua/lastcall/http/escapes.lua",
      ["lastcall.http.event"] = "lua/lastcall/http/event.lua",
      ["lastcall.http.file"] = "lua/lastcall/http/file.lua",
      ["lastcall.http.files"] = "lua/lastcall/http/files.lua",
      ["lastcall.http.handler"] = "lua/lastcall/http/handler.lua",
      ["lastcall.http"] = "lua/lastcall/http/init.lua",
      ["lastcall.http.request"] = "lua/lastcall/http/request.lua",
      ["lastcall.http.response"] = "lua/lastcall/http/response.lua",
      ["lastcall.http.status"] = "lua/lastcall/http/status/init.lua",
      ["lastcall.http.status.page"] = "lua/lastcall/http/status/page.lua",
      ["lastcall.http.status.snapshot"] = "lua/lastcall/http/status/snapshot.lua",
      ["lastcall.http.stream"] = "lua/lastcall/http/stream.lua",
      ["lastcall.http.types"] = "lua/lastcall/http/types.lua",
      ["lastcall.http.websocket"] = "lua/lastcall/http/websocket.lua",
      ["lastcall.http.websocket_client"] = "lua/lastcall/http/websocket_client.lua",
      ["lastcall.http.wsapi"] = "lua/lastcall/http/wsapi.lua",
      ["lastcall"] = "lua/lastcall/init.lua",
      ["lastcall.lines"] = "lua/lastcall/lines.lua",
      ["lastcall.log"] = "lua/lastcall/log.lua",
      ["lastcall.log_limit"] = "lua/lastcall/log_limit.lua",
      ["lastcall.meta"] = "lua/lastcall/meta.lua",
      ["lastcall.meta_client"] = "lua/lastcall/meta_client.lua",
      ["lastcall.meta_connection"] = "lua/lastcall/meta_connection.lua",
      ["lastcall.meta_http"] = "lua/lastcall/meta_http.lua",
      ["lastcall.meta_options"] = "lua/lastcall/meta_options.lua",
      ["lastcall.meta_process"] = "lua/lastcall/meta_process.lua",
      ["lastcall.meta_report"] = "lua/lastcall/meta_report.lua",
      ["lastcall.meta_server"] = "lua/lastcall/meta_server.lua",
      ["lastcall.meta_socket"] = "lua/lastcall/meta_socket.lua",
      ["lastcall.meta_supervise"] = "lua/lastcall/meta_supervise.lua",
      ["lastcall.meta_tasks"] = "lua/lastcall/meta_tasks.lua",
      ["lastcall.meta_websocket"] = "lua/lastcall/meta_websocket.lua",
      ["lastcall.misuse"] = "lua/lastcall/misuse.lua",
      ["lastcall.options"] = "lua/lastcall/options.lua",
      ["lastcall.pause"] = "lua/lastcall/pause.lua",
      ["lastcall.pipe"] = "lua/lastcall/pipe.lua",
      ["lastcall.poll"] = "lua/lastcall/poll.lua",
      ["lastcall.program.arguments"] = "lua/lastcall/program/arguments.lua",
      ["lastcall.program.client"] = "lua/lastcall/program/client.lua",
      ["lastcall.program"] = "lua/lastcall/program/init.lua",
      ["lastcall.program.script"] = "lua/lastcall/program/script.lua",
      ["lastcall.program.serve"] = "lua/lastcall/program/serve.lua",
      ["lastcall.progress"] = "lua/lastcall/progress.lua",
      ["lastcall.readiness"] = "lua/lastcall/readiness.lua",
      ["lastcall.report"] = "lua/lastcall/report.lua",
      ["lastcall.resolve"] = "lua/lastcall/resolve.lua",
      ["lastcall.run"] = "lua/lastcall/run.lua",
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
      ["lastcall.stderr"] = "lua/lastcall/stderr.lua",
      ["lastcall.subprocess"] = "lua/lastcall/subprocess.lua",
      ["lastcall.supervise.control"] = "lua/lastcall/supervise/control.lua",
      ["lastcall.supervise.crashes"] = "lua/lastcall/supervise/crashes.lua",
      ["lastcall.supervise.generation"] = "lua/lastcall/supervise/generation.lua",
      ["lastcall.supervise"] = "lua/lastcall/supervise/init.lua",
      ["lastcall.supervise.inside"] = "lua/lastcall/supervise/inside.lua",
      ["lastcall.supervise.json"] = "lua/lastcall/supervise/json.lua",
      ["lastcall.supervise.line"] = "lua/lastcall/supervise/line.lua",
      ["lastcall.supervise.listeners"] = "lua/lastcall/supervise/listeners.lua",
      ["lastcall.supervise.master"] = "lua/lastcall/supervise/master.lua",
      ["lastcall.supervise.path"] = "lua/lastcall/supervise/path.lua",
      ["lastcall.supervise.reload"] = "lua/lastcall/supervise/reload.lua",
      ["lastcall.supervise.standing"] = "lua/lastcall/supervise/standing.lua",
      ["lastcall.supervise.strangers"] = "lua/lastcall/supervise/strangers.lua",
      ["lastcall.supervise.totals"] = "lua/lastcall/supervise/totals.lua",
      ["lastcall.supervise.worker"] = "lua/lastcall/supervise/worker.lua",
      ["lastcall.systemd.environment"] = "lua/lastcall/systemd/environment.lua",
      ["lastcall.systemd.listeners"] = "lua/lastcall/systemd/listeners.lua",
      ["lastcall.systemd.notify"] = "lua/lastcall/systemd/notify.lua",
      ["lastcall.tasks.channel"] = "lua/lastcall/tasks/channel.lua",
      ["lastcall.tasks.every"] = "lua/lastcall/tasks/every.lua",
      ["lastcall.tasks.group"] = "lua/lastcall/tasks/group.lua",
      ["lastcall.tasks.queue"] = "lua/lastcall/tasks/queue.lua",
      ["lastcall.tasks.select"] = "lua/lastcall/tasks/select.lua",
      ["lastcall.tasks.semaphore"] = "lua/lastcall/tasks/semaphore.lua",
      ["lastcall.tasks.waitgroup"] = "lua/lastcall/tasks/waitgroup.lua",
      ["lastcall.tls"] = "lua/lastcall/tls.lua",
      ["lastcall.trace"] = "lua/lastcall/trace.lua",
      -- END files
    },
  },
}
