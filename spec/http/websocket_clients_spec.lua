-- scripts/test: early
-- Real clients of WebSocket, whose server stops while they talk.
local helper = require "spec.helper"
local process = require "spec.support.process"

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local heard, lost, answered = {}, 0, 0
local report = lastcall.run(function()
  local server = assert(lastcall.listen("127.0.0.1:0"))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request, response)
    local ws = http.websocket(request, response)
    if not ws then return end
    for text in ws:messages() do
      local id, number = text:match "^(%d+) (%d+)$"
      if tonumber(number) ~= (heard[id] or 0) + 1 then lost = lost + 1 end
      heard[id] = math.tointeger(number)
      ws:send(text)
    end
    if ws.code ~= 1006 then answered = answered + 1 end
  end))
end, { log = function() end, drain = 10 })
for id, number in pairs(heard) do print("heard", id, number) end
print("told", report.clean and "clean" or tostring(report), report.late, lost, answered)
]]

local FOLDER = "spec/support/http/clients/"
local COUNT = 10

--- How to run each client; what is missing when it cannot run here.
local clients = {
  ["node's ws"] = { "test -e /usr/share/nodejs/ws", "node " .. FOLDER .. "websocket_client.js %s ws %d" },
  ["node's own"] = {
    "node --experimental-websocket -e WebSocket",
    "node --no-warnings --experimental-websocket " .. FOLDER .. "websocket_client.js %s own %d",
  },
  ["python3-websockets"] = {
    "/usr/bin/python3 -c 'import websockets'", "/usr/bin/python3 " .. FOLDER .. "websocket_client.py %s websockets %d",
  },
  ["python3-aiohttp"] = {
    "/usr/bin/python3 -c 'import aiohttp'", "/usr/bin/python3 " .. FOLDER .. "websocket_client.py %s aiohttp %d",
  },
  ["python3-autobahn"] = {
    "/usr/bin/python3 -c 'import autobahn'", "/usr/bin/python3 " .. FOLDER .. "websocket_client.py %s autobahn %d",
  },
}

describe("a server of WebSockets that stops", function()
  for name, client in pairs(clients) do
    it("says 1001 to a real client, and has heard all that it has sent: " .. name, function()
      local output, is_there = helper.run(client[1], 30)
      if not is_there then return pending(("no %s here: %s"):format(name, output)) end
      local server = process.script(SERVER)
      local program = process.start(client[2]:format(server:address(), COUNT))
      local sent, ended = {}, 0
      for line in program.pipe:lines() do
        if line == "looping" then server:signal "TERM" end
        local id, number, code, failed = line:match "^end (%d+) (%d+) (%d+) (%d)$"
        if id then
          sent[id], ended = number, ended + 1
          assert.same({ "1001", "0" }, { code, failed }, line)
        elseif line ~= "looping" and line ~= "open" then
          error(line)
        end
      end
      program:finish()
      assert.equal(COUNT, ended)
      local heard, told = {}, nil
      for line in server:finish():gmatch "[^\n]+" do
        local id, number = line:match "^heard\t(%d+)\t(%d+)$"
        if id then heard[id] = number else told = line end
      end
      assert.same(sent, heard)
      assert.equal(("told\tclean\t0\t0\t%d"):format(COUNT), told)
    end)
  end
end)
