-- scripts/test: early
local helper = require "spec.helper"
local process = require "spec.support.process"

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local fns = {}
fns["/hello"] = function() return "hello" end
fns["/echo"] = function(request) return assert(request:body()) end
fns["/empty"] = function() return 204 end
fns["/raise"] = function() error "on purpose" end
fns["/unread"] = function() return "early" end
fns["/stream"] = function()
  local i = 0
  return 200, function()
    i = i + 1
    return i <= 30 and ("x"):rep(1000) or nil
  end
end
fns["/cut"] = function(_, response)
  response:write(("x"):rep(1000))
  response:flush()
  error "on purpose"
end
local server = lastcall.listen("127.0.0.1:0", { on_error = function() end })
local report = lastcall.run(function()
  lastcall.spawn(function()
    server:serve(http.handler(function(request, response) return fns[request.path](request, response) end))
  end)
  lastcall.sleep(0)
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
end, { log = function() end })
print(report.clean and "clean" or "not clean", report.late)
]]

local FOLDER = "spec/support/http/clients/"

--- How to run each client; what is missing when it cannot run here.
local clients = {
  curl = function() return "curl --version", FOLDER .. "curl_client.sh %s" end,
  ["python3-requests"] = function()
    return "/usr/bin/python3 -c 'import requests'", "/usr/bin/python3 " .. FOLDER .. "requests_client.py %s"
  end,
  ["python3-aiohttp"] = function()
    return "/usr/bin/python3 -c 'import aiohttp'", "/usr/bin/python3 " .. FOLDER .. "aiohttp_client.py %s"
  end,
  ["node's http"] = function() return "node --version", "node " .. FOLDER .. "node_client.js %s http" end,
  ["node's fetch"] = function()
    return "node -e 'fetch.name'", "node --no-warnings " .. FOLDER .. "node_client.js %s fetch"
  end,
  ["Go's net/http"] = function()
    local program = helper.program "go_client"
    if not helper.long then return "false", program end
    return ("env GO111MODULE=off GOFLAGS= go build -o %s %sgo_client.go"):format(program, FOLDER), program .. " %s"
  end,
}

local expected = {
  hello = "200 hello", echo = "200 100000", chunked = "200 30000", stream = "200 30000", head = "200 5",
  empty = "204 0", raise = "500 close", cut = "noticed", expect = "200 1000", lost = "0",
}

local own = {
  curl = { hello = "hello 1hello 0", expect = "200 100000", old = "200", unread = "early 200" },
}

describe("a server of requests", function()
  for name, client in pairs(clients) do
    it("serves a real client, also one that knows nothing of its stop: " .. name, function()
      local check, command = client()
      local output, is_there = helper.run(check, 60)
      if not is_there then return pending(("no %s here: %s"):format(name, output)) end
      local server = process.script(SERVER)
      local address = server:address()
      local program = process.start(command:format(address))
      local seen, wanted = {}, {}
      for line in program.pipe:lines() do
        local key, value = line:match "^(%l+) ?(.*)$"
        if key == "looping" then server:signal "TERM"
        elseif key then
          seen[key] = value
          wanted[key] = own[name] and own[name][key] or expected[key] or "?"
        else
          error(line)
        end
      end
      program:finish()
      assert.same(wanted, seen)
      assert.equal("0", seen.lost)
      assert.equal("clean\t0\n", (server:finish()))
    end)
  end
end)
