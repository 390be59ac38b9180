--- What is measured: the servers, what each is loaded with, and what lastcall has to reach.

local build = os.getenv "LASTCALL_BUILD" or "build"
local lua = "lua5.4"

local function lastcall(words) return { command = ("%s bench/rivals/lastcall.lua %s"):format(lua, words or "") } end

local function program(name, words, needs)
  local path = ("%s/bench/%s"):format(build, name)
  return { command = path .. " " .. (words or ""), file = path, needs = needs }
end

--- Each is a program that prints its port and serves; what `file` or `module` names must be there.
local servers = {
  raw = program "raw",
  ["raw again"] = program "raw_again", -- a copy: what differs between the two is noise
  lastcall = lastcall(),
  ["lastcall, all off"] = lastcall "off",
  ["lastcall, lines"] = lastcall "lines",
  ["Go"] = program("go_net", "", "Go"),
  ["Go, deadlines"] = program("go_net", "deadlines", "Go"),
  ["Go bufio"] = program("go_net", "lines", "Go"),
}

local works = {
  {
    name = "echo, 64 B, 64 connections",
    load = "--connections 64 --size 64",
    servers = { "raw", "raw again", "lastcall", "lastcall, all off", "Go", "Go, deadlines" },
    bars = {
      { "lastcall", "raw", "rate", at_least = 0.95 },
      { "lastcall", "raw", "cpu", at_most = 1.06 },
      { "lastcall", "raw", "p99", at_most = 1.15 },
      { "lastcall", "Go, deadlines", "rate", at_least = 1.25 },
      { "lastcall", "lastcall, all off", "rate", at_least = 0.98 },
    },
  },
  {
    name = "echo, 64 B, 1000 connections",
    load = "--connections 1000 --size 64",
    servers = { "raw", "raw again", "lastcall", "Go", "Go, deadlines" },
    bars = {
      { "lastcall", "raw", "rate", at_least = 0.90 },
      { "lastcall", "raw", "cpu", at_most = 1.15 },
      { "lastcall", "Go, deadlines", "rate", at_least = 1.40 },
    },
  },
  {
    name = "connect, echo, close",
    load = "--connections 64 --size 64 --close",
    servers = { "raw", "raw again", "lastcall", "Go" },
    bars = {
      { "lastcall", "raw", "rate", at_least = 0.97 },
      { "lastcall", "raw", "cpu", at_most = 1.05 },
    },
  },
  {
    name = "messages of 64 KiB, 16 connections, two under way on each",
    load = "--connections 16 --size 65536 --depth 2",
    servers = { "raw", "raw again", "lastcall", "Go" },
    bars = {
      { "lastcall", "raw", "rate", at_least = 0.92 },
      { "lastcall", "raw", "cpu", at_most = 1.12 },
    },
  },
  {
    name = "16 pipelined lines of 64 B, 64 connections",
    load = "--connections 64 --size 64 --lines 16",
    servers = { "raw", "raw again", "lastcall, lines", "Go bufio" },
    bars = {
      { "lastcall, lines", "raw", "rate", at_least = 0.70 },
      { "lastcall, lines", "Go bufio", "rate", at_least = 1.05 },
    },
  },
}

return { servers = servers, works = works, load = build .. "/bench/load" }
