--- What is measured: the servers, what each is loaded with, and what lastcall has to reach.

local build = os.getenv "LASTCALL_BUILD" or "build"

--- A server that is run by an interpreter; `module` must be found by it.
local function script(file, words, module)
  local runner = file:find "%.js$" and "node" or "lua5.4"
  return { command = ("%s bench/rivals/%s %s"):format(runner, file, words or ""), runner = runner, module = module }
end

--- One that is built, from C or Go.
local function program(name, words, from)
  local path = ("%s/bench/%s"):format(build, name)
  return { command = path .. " " .. (words or ""), file = path, from = from }
end

--- The sketch of a server like lastcall, which lies in a folder of its own outside of this project.
local sketch = os.getenv "SKETCH"
local function sketched(words)
  if not sketch then return { lacks = "SKETCH=FOLDER was not given: the folder with its proto.c and server.lua" } end
  local module = build .. "/bench/sketch/proto.so"
  return { command = ("bench/rivals/sketch.sh %s %s timeout=30000 %s"):format(sketch, module, words), file = module,
    from = "proto.c in " .. sketch }
end

--- Each prints its port and serves. `load` is what the load generator is told besides.
local servers = {
  ["raw C"] = program("raw", "", "C"),
  ["raw C again"] = program("raw_again", "", "C"), -- a copy: what differs between the two is noise
  ["libuv"] = program("uv", "", "libuv"),
  ["Go"] = program("go_net", "", "Go"),
  ["Go, deadlines"] = program("go_net", "deadlines", "Go"),
  ["Go, 64 KiB buffers"] = program("go_net", "deadlines large", "Go"),
  ["Go bufio"] = program("go_net", "deadlines lines", "Go"),
  ["Go net/http"] = program("go_http", "", "Go"),
  ["lastcall"] = script "lastcall.lua",
  ["lastcall, all off"] = script("lastcall.lua", "off"),
  ["lastcall, lines"] = script("lastcall.lua", "lines"),
  ["lastcall, start on data"] = script("lastcall.lua", "data"),
  ["luv"] = script("luv.lua", "", "luv"),
  ["cqueues"] = script("cqueues.lua", "", "cqueues"),
  ["LuaSocket"] = script("luasocket.lua", "", "socket"),
  ["copas"] = script("copas.lua", "", "copas"),
  ["node"] = script "node.js",
  ["sketch"] = sketched "",
  ["sketch, lines"] = sketched "app=line cork=true",
}
servers["Go net/http"].load = "--http"
servers["lastcall, WebSocket"] = script "lastcall_websocket.lua"
servers["lastcall, WebSocket"].load = "--websocket"
-- A turn's length is the loop's own processor time: what the machine gives to others meanwhile is no part of it.
for name, words in pairs { ["lastcall"] = "", ["lastcall, lines"] = "lines", ["lastcall, start on data"] = "data" } do
  servers[name .. ", turns"] = script("lastcall.lua", words .. " turns")
end
for processes = 1, 2 do
  servers["lastcall, processes: " .. processes] = {
    command = "lua5.4 examples/prefork.lua 127.0.0.1:0 " .. processes, runner = "lua5.4"
  }
end

--- A bar: who, beside whom (nil: the figure itself), which figure, and what it has to be.
local works = {
  {
    name = "echo, 64 B, 64 connections",
    kind = "traffic",
    load = "--connections 64 --size 64",
    servers = { "raw C", "raw C again", "sketch", "lastcall", "lastcall, all off", "libuv", "Go", "Go, deadlines",
      "luv", "cqueues", "copas", "LuaSocket", "node" },
    bars = {
      { "lastcall", "raw C", "cpu", at_most = 1.13 },
      { "lastcall", "Go", "cpu", at_most = 0.92 },
      { "lastcall", "Go, deadlines", "cpu", at_most = 0.83 },
      { "lastcall", "luv", "cpu", at_most = 0.83 },
      { "lastcall", "cqueues", "cpu", at_most = 0.70 },
      { "lastcall", "copas", "cpu", at_most = 0.62 },
      { "lastcall", "raw C", "p99", at_most = 1.25 },
    },
  },
  {
    name = "echo, 64 B, 1000 connections",
    kind = "traffic",
    load = "--connections 1000 --size 64",
    servers = { "raw C", "raw C again", "sketch", "lastcall", "Go, deadlines" },
    bars = { { "lastcall", "raw C", "cpu", at_most = 1.18 } },
  },
  {
    -- The server by hand speaks no WebSocket: it echoes the same 64 bytes without frames.
    name = "echo of messages of WebSocket, 64 B, 64 connections",
    kind = "traffic",
    load = "--connections 64 --size 64",
    servers = { "raw C", "raw C again", "lastcall", "lastcall, WebSocket" },
    bars = { { "lastcall, WebSocket", "raw C", "cpu", at_most = 1.35 } },
  },
  {
    name = "connect, echo, close",
    kind = "traffic",
    load = "--connections 64 --size 64 --close",
    servers = { "raw C", "raw C again", "sketch", "lastcall", "Go, deadlines" },
    bars = { { "lastcall", "raw C", "cpu", at_most = 1.10 } },
  },
  {
    name = "messages of 64 KiB, 16 connections, two under way on each",
    kind = "traffic",
    load = "--connections 16 --size 65536 --depth 2",
    servers = { "raw C", "raw C again", "lastcall", "Go, 64 KiB buffers" },
    bars = { { "lastcall", "raw C", "cpu", at_most = 1.12 } },
  },
  {
    name = "16 pipelined lines of 64 B, 64 connections",
    kind = "traffic",
    load = "--connections 64 --size 64 --lines 16",
    servers = { "raw C", "raw C again", "sketch, lines", "lastcall, lines", "Go bufio" },
    bars = { { "lastcall, lines", "raw C", "cpu", at_most = 1.40 } },
  },
  {
    name = "10,000 idle connections, and their drain",
    kind = "idle",
    load = "--connections 0 --idle 10000",
    -- With `lines` a handler says itself that it is between two requests, as net/http knows. Who only waits
    -- in `read_some` is idle when `drain.quiet`, a second, has passed: that is what "lastcall" shows.
    servers = { "raw C", "raw C again", "sketch, lines", "lastcall, lines", "lastcall", "Go, deadlines",
      "Go net/http" },
    bars = {
      { "lastcall, lines", nil, "memory", at_most = 1650 },
      { "lastcall, lines", "raw C", "exit", at_most = 1.15 },
      { "lastcall, lines", "Go net/http", "exit", at_most = 0.70 },
    },
  },
  {
    name = "10,000 connections that never spoke, and their drain",
    kind = "idle",
    load = "--connections 0 --idle 10000 --silent",
    every = 6,
    servers = { "raw C", "lastcall", "lastcall, start on data" },
    bars = { { "lastcall, start on data", nil, "memory", at_most = 280 } },
  },
  {
    name = "64 active connections beside 10,000 idle ones",
    kind = "turns",
    load = "--connections 64 --idle 10000 --mark --settle 0",
    servers = { "lastcall, turns", "lastcall, lines, turns" },
    bars = {
      { "lastcall, turns", nil, "longest_turn", at_most = 4 },
      { "lastcall, lines, turns", nil, "drain_turn", at_most = 4 },
    },
  },
  {
    name = "64 active connections beside 10,000 that never spoke",
    kind = "turns",
    load = "--connections 64 --idle 10000 --silent --mark --settle 0",
    servers = { "lastcall, start on data, turns" },
    bars = { { "lastcall, start on data, turns", nil, "longest_turn", at_most = 3 } },
  },
  {
    name = "64 active connections beside 100 slow readers",
    kind = "slow",
    load = "--connections 64 --slow 100 --warm 0.3",
    every = 6,
    servers = { "raw C", "lastcall", "Go, 64 KiB buffers" },
    bars = {},
  },
  {
    -- Neither side is pinned, and there must be processors for both: the load generator takes one.
    name = "16 pipelined lines, one process and two (examples/prefork.lua)",
    kind = "processes",
    load = "--connections 64 --lines 16 --server-cpu -1 --load-cpu -1",
    every = 3,
    servers = { "lastcall, processes: 1", "lastcall, processes: 2" },
    bars = {},
  },
  {
    -- The processes of the server have both processors: they stand still while the lines are sent to them, and the
    -- load generator sleeps until every answer has come.
    name = "bursts of 256 lines of 64 B on 512 connections, one process and two",
    kind = "bursts",
    load = "--connections 512 --lines 256 --burst --server-cpu -1 --load-cpu -1",
    every = 3,
    servers = { "lastcall, processes: 1", "lastcall, processes: 2" },
    bars = { { "lastcall, processes: 2", "lastcall, processes: 1", "capacity", at_least = 1.8 } },
  },
}

return { servers = servers, works = works, load = build .. "/bench/load" }
