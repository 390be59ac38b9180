local client = require "spec.support.http.client"
local helper = require "spec.helper"
local process = require "spec.support.process"

local FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
local PLAIN = "Content-Type: text/plain\r\n"

-- A request with a body of known length: its reply.
local function send(conn, method, target, body, headers)
  return client.ask(conn, method, target, ("Content-Length: %d\r\n%s"):format(#body, headers or ""), body)
end

local function expect(status, body, reply)
  assert.same({ status, body }, { reply.status, reply.body })
  return reply
end

-- Runs `body(lastcall, address, notes)` beside the program: the program.
local function with_notes(file, body)
  local notes = process.example("notes", "127.0.0.1:0", file)
  local address = notes:address()
  helper.task(function(lastcall) body(lastcall, address, notes) end)
  return notes
end

describe("examples/notes.lua", function()
  it("makes, shows, lists, changes and deletes notes over one connection, and logs it", function()
    local output = with_notes(nil, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      expect(200, "", client.ask(conn, "GET", "/notes"))
      assert.equal("/notes/1", expect(201, "1\n", send(conn, "POST", "/notes", "text=a+%26+b", FORM)).headers.location)
      expect(201, "2\n", send(conn, "POST", "/notes", "one\ntwo", PLAIN))
      expect(201, "", send(conn, "PUT", "/notes/shop", "milk"))
      expect(204, nil, send(conn, "PUT", "/notes/shop", "bread"))
      local listed = expect(200, "1 a & b\n2 one\nshop bread\n", client.ask(conn, "GET", "/notes"))
      assert.equal("chunked", listed.headers["transfer-encoding"])
      expect(200, "one\ntwo", client.ask(conn, "GET", "/notes/2"))
      assert.equal("7", expect(200, nil, client.ask(conn, "HEAD", "/notes/2")).headers["content-length"])
      expect(204, nil, client.ask(conn, "DELETE", "/notes/2"))
      expect(404, "no such note\n", client.ask(conn, "GET", "/notes/2"))
      expect(404, "no such note\n", client.ask(conn, "DELETE", "/notes/2"))
      expect(200, "2 notes\n", client.ask(conn, "GET", "/report"))
      expect(200, "OK\n", client.ask(conn, "GET", "/ready"))
      conn:close()
    end):drain()
    assert.is_truthy(output:find('"POST /notes HTTP/1.1" 201 2 "-" "-"', 1, true), output)
    helper.stopping.assert_says_clean(output)
  end)

  it("says what is not right", function()
    local output = with_notes(nil, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      for _, path in ipairs { "/", "/note", "/notes/a/b", "/report/a" } do
        expect(404, "nothing is here\n", client.ask(conn, "GET", path))
      end
      expect(400, "the path has a % that is no escape: /notes/%zz\n", client.ask(conn, "GET", "/notes/%zz"))
      assert.equal("DELETE, GET, HEAD, PUT", expect(405, "not with this method\n",
        client.ask(conn, "PATCH", "/notes/a")).headers.allow)
      assert.equal("GET, HEAD, POST", client.ask(conn, "DELETE", "/notes").headers.allow)
      expect(400, "the form has no field \"text\"\n", send(conn, "POST", "/notes", "words=a", FORM))
      expect(400, "a name has letters, digits, and . _ - only\n", send(conn, "PUT", "/notes/a%2Fb", "c"))
      conn:close()
      local function once(status, ...)
        conn = assert(lastcall.connect(address))
        assert.equal(status, send(conn, ...).status)
        conn:close()
      end
      once(400, "POST", "/notes", "text=%zz", FORM)
      once(400, "POST", "/notes", "{}", "Content-Type: application/json\r\n")
      once(413, "PUT", "/notes/long", ("x"):rep(65537))
      conn = assert(lastcall.connect(address))
      local chunked = ("10001\r\n%s\r\n0\r\n\r\n"):format(("x"):rep(65537))
      assert.equal(413, client.ask(conn, "PUT", "/notes/long", "Transfer-Encoding: chunked\r\n", chunked).status)
      conn:close()
      conn = assert(lastcall.connect(address))
      expect(200, "", client.ask(conn, "GET", "/notes"))
      conn:close()
    end):drain()
    assert.is_nil(output:find("traceback", 1, true), output)
  end)

  it("finishes its requests in the drain, says that they are the last, and saves the notes", function()
    local file = os.tmpname()
    local output, fine = with_notes(file, function(lastcall, address, notes)
      local slow, kept = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      assert.is_nil(send(kept, "PUT", "/notes/before", "b\n\0c").headers.connection)
      slow:write "GET /report HTTP/1.1\r\nHost: here\r\n\r\n"
      slow:flush()
      expect(200, "OK\n", client.ask(kept, "GET", "/ready")) -- so the report has begun, or is about to
      notes:signal "TERM"
      repeat
        local conn, refused = lastcall.connect(address)
        if conn then conn:close() end
        lastcall.sleep(0.02)
      until refused == "refused"
      assert.equal("close", expect(201, "", send(kept, "PUT", "/notes/after", "a")).headers.connection)
      local reply = client.hear(slow)
      assert.same({ 200, "close" }, { reply.status, reply.headers.connection })
      assert.is_truthy(reply.body:find "^[12] notes\n$", reply.body)
      for _, conn in ipairs { slow, kept } do
        assert.equal("eof", select(2, conn:read()))
        conn:close()
      end
    end):finish()
    assert.is_true(fine, output)
    assert.is_truthy(output:find("hook save: ok", 1, true), output)
    helper.stopping.assert_says_clean(output)

    with_notes(file, function(lastcall, address)
      local conn = assert(lastcall.connect(address))
      expect(200, "after a\nbefore b\n", client.ask(conn, "GET", "/notes"))
      expect(200, "b\n\0c", client.ask(conn, "GET", "/notes/before"))
      conn:close()
    end):drain()
    os.remove(file)
  end)
end)
