--- What an idle connection over TLS weighs: a server of its own, whose memory is read before and after.
local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local process = require "spec.support.process"

local COUNT, WARM = helper.long and 500 or 150, 10 -- connections; those that come first make what is made once
local BAR = 18 -- KB for each

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
lastcall.run(function()
  local server = assert(lastcall.listen("127.0.0.1:0", { tls = { certificate = "%s", key = "%s" } }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(%s)
end, { log = function() end, drain = 1 })
]]

local handlers = {
  ["HTTP, after a request"] = {
    'http.handler(function() return "hello\\n" end)', "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  },
  ["lines, each with a task that waits"] = {
    'function(conn) for line in conn:lines() do conn:write(line, "\\n") end end', "hello\n",
  },
}

local function memory(program)
  return tonumber(helper.read_file(("/proc/%s/status"):format(program:program())):match "RssAnon:%s*(%d+)")
end

--- More connections, four at a time: what handshakes take for a moment stays with malloc.
local function hold(lastcall, address, words, held, count)
  local tasks, left = {}, count
  local function meet()
    while left > 0 do
      left = left - 1
      local conn = assert(lastcall.connect(address, { tls = certificates.client() }))
      helper.send(conn, words)
      assert(conn:read_until("hello\n", 2 ^ 20))
      held[#held + 1] = conn
    end
  end
  for i = 1, 4 do tasks[i] = lastcall.go(meet) end
  for _, task in ipairs(tasks) do task:wait() end
end

describe("an idle connection over TLS", function()
  teardown(certificates.remove)

  for what, of in pairs(handlers) do
    it(("weighs at most %d KB (%s)"):format(BAR, what), function()
      if helper.is_slow then return pending "a checker's own memory is in it" end
      local certificate = certificates.of()
      local program = process.script(SERVER:format(certificate.certificate, certificate.key, of[1]))
      local address = program:address()
      helper.task(function(lastcall)
        local held = {}
        hold(lastcall, address, of[2], held, WARM)
        local before = memory(program)
        hold(lastcall, address, of[2], held, COUNT)
        local each = (memory(program) - before) / COUNT
        helper.figure("an idle connection over TLS weighs %.1f KB (%s)", each, what)
        assert.is_true(each <= BAR, each)
        for _, conn in ipairs(held) do conn:close() end
      end)
      program:drain()
    end)
  end
end)
