-- scripts/test: alone
local helper = require "spec.helper"
local process = require "spec.support.process"

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen("127.0.0.1:0", { on_error = function() end }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request)
    return request.method == "POST" and assert(request:body()) or ("x"):rep(20000)
  end))
end, { drain = 1, log = function() end })
]]

--- What slowhttptest does to a server with 1000 connections.
local attacks = {
  ["slow heads"] = "-H -i 1",
  ["slow bodies"] = "-B -i 1 -s 8192",
  ["slow readers"] = "-X -z 32 -w 10 -y 20 -k 3",
  ["long lists of ranges"] = "-R",
}

--- What 99 of 100 requests take at most, of those in so many seconds.
local function slowest(lastcall, address, seconds)
  local times, until_then = {}, lastcall.now() + seconds
  while lastcall.now() < until_then do
    local began = lastcall.now()
    local conn = assert(lastcall.connect(address))
    conn:write "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    assert(assert(conn:read("a")):find "^HTTP/1.1 200 ")
    times[#times + 1] = lastcall.now() - began
    conn:close()
    lastcall.sleep(0.005)
  end
  table.sort(times)
  return times[math.ceil(#times * 0.99)]
end

describe("slowhttptest", function()
  for name, flags in pairs(attacks) do
    it("does not keep a server of requests from its other clients: " .. name, function()
      if not helper.long then return pending("at full length only (make check)") end
      if not helper.run("slowhttptest -h"):find("connections", 1, true) then return pending("no slowhttptest") end
      local path = helper.write_file(SERVER)
      local server = process.start(("sh -c 'ulimit -n 4096 && exec lua5.4 %s'"):format(path))
      local address = server:address()
      local calm, attacked
      helper.task(function(lastcall)
        calm = slowest(lastcall, address, 2)
        local attack = process.start(
          ("slowhttptest -c 1000 %s -r 500 -l 6 -u http://%s/ >/dev/null"):format(flags, address))
        lastcall.sleep(2) -- until all of its connections are there
        attacked = slowest(lastcall, address, 3)
        attack:finish()
      end)
      server:signal "TERM"
      server:finish()
      os.remove(path)
      helper.figure("%s: p99 %.1f ms, without them %.1f ms", name, attacked * 1e3, calm * 1e3)
      assert.is_true(attacked - calm < helper.seconds(0.02), attacked - calm)
    end)
  end
end)
