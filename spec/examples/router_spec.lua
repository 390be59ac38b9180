local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n"

describe("examples/router.lua", function()
  it("finds a function by method and path, and finishes a form that is under way when it is told to stop", function()
    local router = process.example("router", "127.0.0.1:0")
    local address = router:address()
    helper.task(function()
      local conn = assert(lastcall.connect(address))
      local function ask(method, path, body)
        local reply = client.ask(conn, method, path, body and FORM:format(#body), body)
        return reply.status, reply.body, reply.headers
      end
      assert.equal("this is ada\n", select(2, ask("GET", "/users/ada")))
      assert.equal(200, (ask("HEAD", "/users/ada")))
      assert.equal(404, (ask("GET", "/messages/1")))
      assert.equal("/messages/1", select(3, ask("POST", "/messages", "to=ada&text=a+b")).location)
      assert.equal("to ada: a b\n", select(2, ask("GET", "/messages/1")))
      assert.equal(400, (ask("POST", "/messages", "to=ada")))
      assert.equal(404, (ask("GET", "/users/ada/more")))
      local status, _, headers = ask("POST", "/users/ada", "")
      assert.same({ 405, "GET" }, { status, headers.allow })
      conn:close()
      local text = ("POST /messages HTTP/1.1\r\nHost: here\r\n%s\r\nto=a&text=b"):format(FORM:format(11))
      assert.equal(201, client.across_stop(router, address, text:sub(1, -6), text:sub(-5)).status)
    end)
  end)
end)
