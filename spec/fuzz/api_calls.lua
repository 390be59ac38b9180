--- The public API as api.lua calls it: of what, which name, with what kinds of arguments, what it gives.
--
-- `gives`: the kinds of objects among the results, to be kept. `free`: nil alone is a good result, or any value.
-- `raises`: what it may raise when all is as it should be. Kinds of arguments are those of api_values.lua.

local calls = {}

local function add(of, list)
  for _, one in ipairs(list) do
    calls[#calls + 1] = { of = of, name = one[1], takes = one[2] or {}, gives = one.gives or {}, free = one.free }
  end
end

add("lastcall", {
  { "listen", { "listen_address", "server_options" }, gives = { "server" } },
  { "listen", { "listen_address", "server_options" }, gives = { "server" } },
  { "connect", { "address", "connect_options" }, gives = { "conn" } },
  { "connect", { "address", "connect_options" }, gives = { "conn" } },
  { "connect", { "address" }, gives = { "conn" } },
  { "go", { "task", "value" }, gives = { "task" } },
  { "spawn", { "task" }, gives = { "task" } },
  { "every", { "seconds", "callback" }, gives = { "task" } },
  { "sleep", { "seconds" } },
  { "now" },
  { "poll", { "fd", "letter?", "seconds" } },
  { "pipe", { "conn", "conn", "pipe_options" } },
  { "copy", { "conn", "conn", "count?" } },
  { "group", { "context?" }, gives = { "group" } },
  { "waitgroup", {}, gives = { "waitgroup" } },
  { "channel", { "count?" }, gives = { "channel" } },
  { "semaphore", { "count" }, gives = { "semaphore" } },
  { "select", { "cases" }, free = true },
  { "on_shutdown", { "name", "body", "hook_options" }, gives = { "cancel" } },
  { "before_shutdown", { "name", "body", "hook_options" }, gives = { "cancel" } },
  { "on_signal", { "signal", "callback" }, gives = { "cancel" } },
  { "ready" },
  { "report", {}, free = true },
  { "dump" },
  { "pollfd" },
  { "events" },
  { "timeout", {}, free = true },
  { "step", { "seconds?" } },
  { "run", { "body" } },
  { "serve", { "listen_address", "value" } },
})

add("conn", {
  { "await", { "seconds" } },
  { "lines", { "format?" }, gives = { "lines" } },
  { "read", { "format", "format?" } },
  { "read_some", { "count?" } },
  { "read_until", { "delimiter", "count?" } },
  { "write", { "data", "data" } },
  { "write", { "data" } },
  { "flush" },
  { "setvbuf", { "mode", "count?" } },
  { "post", { "data", "data" } },
  { "work", {}, gives = { "guard" } },
  { "close", { "linger?" } },
  { "abort" },
  { "shutdown", { "half" } },
  { "detach", { "hooks" }, gives = { "fd", "bytes", "ticket" } },
  { "set_read_timeout", { "seconds?" } },
  { "set_write_timeout", { "seconds?" } },
  { "set_deadline", { "at?" } },
  { "set_linger", { "linger" } },
  { "set_keepalive", { "keepalive" } },
  { "heartbeat", { "heartbeat" } },
  { "set_nodelay", { "boolean" } },
  { "set_farewell", { "farewell" } },
  { "setsockopt", { "option", "count" } },
  { "getsockopt", { "option" } },
  { "peer" },
  { "localname" },
  { "server", {}, gives = { "server" }, free = true },
  { "state" },
  { "stats" },
  { "context", {}, gives = { "context" } },
  { "error", {}, free = true },
})

add("server", {
  { "serve", { "task" } },
  { "serve", { "task" } },
  { "accept", { "seconds" }, gives = { "conn" } },
  { "accept", { "seconds" }, gives = { "conn" } },
  { "listen", { "listen_address", "server_options" } },
  { "unlisten", { "address?" } },
  { "addresses" },
  { "suspend" },
  { "resume" },
  { "ready" },
  { "shutdown", { "seconds?" } },
  { "close" },
  { "wait" },
  { "report", {}, free = true },
  { "step" },
  { "go", { "task", "value" }, gives = { "task" } },
  { "each", { "state?" }, gives = { "each" } },
  { "connections" },
  { "get", { "count" }, free = true },
  { "count", { "state?" } },
  { "stats" },
  { "wait_for", { "operator", "count", "seconds" } },
  { "close_where", { "callback" } },
  { "broadcast", { "data", "callback" } },
  { "broadcast", { "data" } },
  { "on_state", { "callback" }, free = true },
  { "on_step", { "callback" }, free = true },
})

add("context_module", {
  { "background", {}, gives = { "context" } },
  { "with_cancel", { "context" }, gives = { "context", "end_context" } },
  { "with_timeout", { "context", "seconds" }, gives = { "context", "end_context" } },
  { "with_deadline", { "context", "at" }, gives = { "context", "end_context" } },
  { "with_value", { "context", "key", "value" }, gives = { "context" } },
  { "without_cancel", { "context" }, gives = { "context" } },
})

add("context", {
  { "done" },
  { "err", {}, free = true },
  { "cause", {}, free = true },
  { "deadline", {}, free = true },
  { "draining" },
  { "until_drain", {}, gives = { "context" } },
  { "on_done", { "callback" }, gives = { "cancel" } },
  { "value", { "key" }, free = true },
  { "wait", { "seconds" } },
  { "go", { "task", "value" }, gives = { "task" } },
  { "call", { "body", "value" }, free = true },
})

add("task", {
  { "wait", { "seconds" }, free = true },
  { "cancel", { "value?" } },
  { "status" },
  { "traceback", {}, free = true },
})

add("group", {
  { "go", { "task", "value" }, gives = { "task" } },
  { "wait", {}, free = true },
  { "set_limit", { "count?" } },
  { "context", {}, gives = { "context" } },
})

add("waitgroup", { { "add", { "count?" } }, { "done" }, { "wait", { "seconds" } } })
add("semaphore", { { "acquire", { "seconds" } }, { "release" } })
add("channel", {
  { "send", { "value", "seconds" } },
  { "receive", { "seconds" }, free = true },
  { "close" },
  { "iter", {}, gives = { "iter" } },
  { "count" },
})
add("guard", { { "done", {}, free = true } })
add("ticket", { { "done", {}, free = true } })

add("socket_module", {
  { "tcp", {}, gives = { "socket" } },
  { "tcp4", {}, gives = { "socket" } },
  { "udp", {}, gives = { "socket" } },
  { "bind", { "host", "port", "count?" }, gives = { "socket" } },
  { "connect", { "host", "port" }, gives = { "socket" } },
  { "select", { "sockets", "sockets", "seconds" } },
  { "sleep", { "seconds" }, free = true },
  { "gettime" },
  { "skip", { "count", "value" }, free = true },
})

add("socket", {
  { "accept", {}, gives = { "socket" } },
  { "bind", { "host", "port" } },
  { "connect", { "host", "port" } },
  { "listen", { "count?" } },
  { "send", { "data", "count?", "count?" } },
  { "receive", { "format?", "data?" } },
  { "shutdown", { "half?" } },
  { "settimeout", { "seconds?" } },
  { "gettimeout", {}, free = true },
  { "setoption", { "socket_option", "boolean" } },
  { "getoption", { "socket_option" } },
  { "getpeername" },
  { "getsockname" },
  { "getfd" },
  { "getstats" },
  { "setstats", { "count" } },
  { "dirty" },
  { "close" },
  { "sendto", { "data", "host", "port" } },
  { "setpeername", { "host", "port" } },
  { "setsockname", { "host", "port" } },
})

return calls
