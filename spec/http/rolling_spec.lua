-- scripts/test: alone
local helper = require "spec.helper"
local process = require "spec.support.process"
local proxy = require "spec.support.http.proxy"

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen "%s")
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request) return request.method == "POST" and request:body() or "ok" end,
    { ready = "/ready" }))
end, { drain = { timeout = 25, delay = %g }, log = function() end })
print(report.clean and "clean" or tostring(report), report.late)
]]

-- HAProxy asks for readiness, and repeats nothing. nginx has no checks: what a server refuses it gives to another one.
local CHECKS = { haproxy = "option httpchk GET /ready\n  default-server check inter 100ms fall 2 rise 1", nginx = "" }
local DELAY = { haproxy = 1, nginx = 0 }

local GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
local POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"

--- A client that asks again and again; what went wrong is noted.
local function ask_on(lastcall, address, text, tally)
  local conn
  while not tally.is_over do
    conn = conn or assert(lastcall.connect(address))
    conn:write(text)
    local status = conn:read()
    local length, closes = 0, false
    for line in conn:lines() do
      if line == "\r" then break end
      length = tonumber(line:lower():match "^content%-length: (%d+)") or length
      closes = closes or line:lower():find "^connection: close" ~= nil
    end
    if conn:read(length) == "ok" then tally.served = tally.served + 1
    else tally.wrong[#tally.wrong + 1] = tostring(status) end
    if closes then conn = conn:close() and nil end
    lastcall.sleep(0.005)
  end
  if conn then conn:close() end
end

--- Ends the server at `place`, and starts it again there.
local function restart(lastcall, servers, place, path, delay)
  assert.equal("clean\t0\n", servers[place]:drain_beside(lastcall))
  servers[place] = process.script(SERVER:format("unix:" .. path, delay))
  servers[place]:address()
  lastcall.sleep(0.5) -- until the proxy knows of it
end

describe("two servers behind a proxy, restarted in turn", function()
  for _, name in ipairs(proxy.names) do
    it("fail no request: " .. name, function()
      if not helper.long then return pending("at full length only (make check)") end
      if not proxy.find(name) then return pending("no " .. name) end
      local tally = { served = 0, wrong = {} }
      helper.task(function(lastcall)
        local paths, servers, backs = { helper.socket_path(), helper.socket_path() }, {}, {}
        for i, path in ipairs(paths) do
          servers[i] = process.script(SERVER:format("unix:" .. path, DELAY[name]))
          backs[i] = servers[i]:address()
        end
        local address, stop = proxy.start(name, backs, CHECKS[name])
        lastcall.sleep(0.5)
        local clients = {}
        for i = 1, 8 do
          local text = i % 2 == 0 and name == "haproxy" and POST or GET -- nginx repeats a GET alone
          clients[i] = lastcall.go(function() ask_on(lastcall, address, text, tally) end)
        end
        for round = 1, 2 do
          lastcall.sleep(0.2)
          restart(lastcall, servers, round, paths[round], DELAY[name])
        end
        tally.is_over = true
        for _, client in ipairs(clients) do client:wait() end
        stop()
        for _, server in ipairs(servers) do server:drain() end
      end)
      assert.same({}, tally.wrong)
      assert.is_true(tally.served > 100, tally.served)
      helper.figure("%s: %d requests", name, tally.served)
    end)
  end
end)
