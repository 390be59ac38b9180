local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

--- Runs the example with the only JSON library that is named.
local function start(library)
  return process.start(([[lua5.4 -e 'for _, name in ipairs { "cjson", "dkjson" } do
    if name ~= "%s" then package.preload[name] = function() error "hidden" end end
  end' examples/json_api.lua 127.0.0.1:0]]):format(library))
end

describe("examples/json_api.lua", function()
  for _, library in ipairs { "cjson", "dkjson" } do
    it("keeps a list, and finishes a change that is under way when it is told to stop: " .. library, function()
      if not pcall(require, library) then return pending("no " .. library) end
      local api = start(library)
      local address = api:address()
      helper.task(function()
        local conn = assert(lastcall.connect(address))
        local function ask(method, path, body)
          local reply = client.ask(conn, method, path, body and ("Content-Length: %d\r\n"):format(#body), body)
          return reply.status, reply.body and require("dkjson").decode(reply.body), reply.headers
        end
        assert.same({}, select(2, ask("GET", "/todos")))
        local status, made, headers = ask("POST", "/todos", '{"title": "sl\\u00e9ep"}')
        assert.same({ 201, "/todos/1", "application/json" }, { status, headers.location, headers["content-type"] })
        assert.same({ id = 1, title = "sléep", done = false }, made)
        assert.equal(true, select(2, ask("PATCH", "/todos/1", '{"done": true}')).done)
        assert.same({ { id = 1, title = "sléep", done = true } }, select(2, ask("GET", "/todos")))
        for _, wrong in ipairs { "", "{", "[]", "1", "null", '{"title": 1}', '{"title": "a", "done": 1}' } do
          assert.equal(400, (ask("POST", "/todos", wrong)), wrong)
        end
        assert.equal(204, (ask("DELETE", "/todos/1")))
        assert.equal("nothing is here", select(2, ask("GET", "/todos/1")).error)
        assert.equal(405, (ask("PUT", "/todos", "{}")))
        assert.equal(413, (ask("POST", "/todos", ("x"):rep(70000))))
        conn:close()
        local head = "POST /todos HTTP/1.1\r\nHost: here\r\nContent-Length: 14\r\n\r\n"
        assert.equal(201, client.across_stop(api, address, head .. '{"title"', ': "b"}').status)
      end)
    end)
  end
end)
