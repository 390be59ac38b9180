-- Objects whose finalizers use sockets that were collected before them: in mid-run, and at the end of the program.

local socket, unix = require "socket", require "socket.unix"

local USES = {
  { "receive" }, { "send", "bye\n" }, { "accept" }, { "sendto", "bye\n", "127.0.0.1", 9 }, { "receivefrom" },
  { "dirty" }, { "getsockname" }, { "getpeername" }, { "settimeout", 0 }, { "setoption", "keepalive", true },
  { "shutdown", "both" }, { "getfd" }, { "close" }, { "getfd" }, { "setfd", -1 }, { "receive" },
}

--- A word for a result that is the same in each process.
local function word(value) return type(value) == "userdata" and "userdata" or tostring(value) end

local function tell(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = word(words[i]) end
  print(table.concat(words, " "))
end

--- Older than the sockets in `held`, so its finalizer comes after theirs.
local function guard(name, held)
  return setmetatable({ held = held }, {
    __gc = function()
      for kind, one in pairs(held) do
        for _, use in ipairs(USES) do
          local method = one[use[1]]
          if method then tell(name, kind, use[1], pcall(method, one, table.unpack(use, 2))) end
        end
      end
    end,
  })
end

--- Sockets of each kind and state, one in each call.
local kinds = {}

function kinds.listening() return assert(socket.bind("127.0.0.1", 0)) end

function kinds.master() return socket.tcp() end

function kinds.bound()
  local one = socket.tcp4()
  assert(one:bind("127.0.0.1", 0))
  return one
end

local server = kinds.listening()
local host, port = server:getsockname()

function kinds.connected() return assert(socket.connect(host, port)), server:accept() end

function kinds.accepted()
  local client = assert(socket.connect(host, port))
  client:send("never read\n")
  return server:accept(), client
end

function kinds.udp() return socket.udp4() end

function kinds.connected_udp()
  local one = socket.udp()
  one:setpeername("127.0.0.1", 9)
  return one
end

kinds.unix_stream, kinds.unix_datagram = unix.stream, unix.dgram

--- What a guard holds, with its guard.
local function guarded(name, kind)
  local held = {}
  local one = guard(name, held)
  held[kind] = kinds[kind]()
  return one
end

local names = {}
for kind in pairs(kinds) do names[#names + 1] = kind end
table.sort(names)

for _, kind in ipairs(names) do
  guarded("collected", kind)
  collectgarbage()
  collectgarbage()
end

local left = {} -- for the end of the program, where the last made comes first
package.loaded.left = left
for _, kind in ipairs(names) do left[#left + 1] = guarded("left", kind) end
