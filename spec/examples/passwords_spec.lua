local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

describe("examples/passwords.lua", function()
  it("hashes passwords in helpers, and finishes a login that is under way when it is told to stop", function()
    local program = process.start "lua5.4 examples/passwords.lua 127.0.0.1:0"
    local address = program:address()
    helper.task(function()
      local conn = assert(lastcall.connect(address))
      local function ask(method, path, body)
        return client.ask(conn, method, path, ("Content-Length: %d\r\n"):format(#body), body).status
      end
      assert.equal(404, ask("PUT", "/elsewhere", "x"))
      assert.equal(404, ask("POST", "/accounts/ann", "x"))
      local other = assert(lastcall.connect(address))
      local registering = lastcall.go(ask, "PUT", "/accounts/ann", "secret")
      assert.equal(200, client.ask(other, "GET", "/ready").status) -- nobody is held up
      assert.equal(201, (registering:wait()))
      other:close()
      assert.equal(409, ask("PUT", "/accounts/ann", "mine"))
      assert.equal(204, ask("POST", "/accounts/ann/login", "secret"))
      assert.equal(403, ask("POST", "/accounts/ann/login", "Secret"))
      assert.equal(403, ask("POST", "/accounts/bob/login", "secret"))
      conn:close()
      local head = "POST /accounts/ann/login HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\n"
      assert.equal(204, client.across_stop(program, address, head .. "sec", "ret").status)
    end)
  end)
end)

describe("examples/slow_hash.lua", function()
  it("computes what the standard says", function()
    local slow_hash = dofile "examples/slow_hash.lua"
    local function hash(...)
      return (slow_hash.pbkdf2(...):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    assert.equal("120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b", hash("password", "salt", 1))
    assert.equal("ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43", hash("password", "salt", 2))
  end)
end)
