local client = require "spec.support.http.client"
local helper = require "spec.helper"
local process = require "spec.support.process"

local function say(lastcall, address, text)
  local conn = assert(lastcall.connect(address))
  local reply = client.ask(conn, "POST", "/",
    ("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n"):format(#text), text)
  conn:close()
  return reply.status, reply.body
end

local function follow(lastcall, address, last)
  local conn = assert(lastcall.connect(address))
  helper.send(conn, ("GET /events HTTP/1.1\r\nHost: here\r\n%s\r\n"):format(
    last and "Last-Event-ID: " .. last .. "\r\n" or ""))
  return conn
end

--- The events of a stream that has ended.
local function events(conn)
  local body = client.hear(conn).body
  assert.is_truthy(body:find "^retry: %d+\n\n.*retry: %d+\n\n$", body)
  conn:close()
  return (body:gsub("retry: %d+\n\n", ""))
end

describe("examples/events.lua", function()
  it("shows each message to all, and a drain in mid-work ends every stream whole", function()
    local example = process.example("events", "127.0.0.1:0")
    local address = example:address()
    helper.task(function(lastcall)
      assert.same({ 201, "1\n" }, { say(lastcall, address, "text=one") })
      assert.same({ 400, 'the form has no field "text"\n' }, { say(lastcall, address, "word=one") })
      local all, back, ahead = follow(lastcall, address), follow(lastcall, address, 1), follow(lastcall, address, 77)
      lastcall.sleep(0.1)
      assert.same({ 201, "2\n" }, { say(lastcall, address, "text=two%0Alines") })
      local conn = assert(lastcall.connect(address))
      assert.equal(404, client.ask(conn, "GET", "/nothing").status)
      assert.is_truthy(client.ask(conn, "GET", "/").body:find "EventSource")
      conn:close()
      example:signal "TERM"
      local one, two = "id: 1\ndata: one\n\n", "id: 2\ndata: two\ndata: lines\n\n"
      assert.equal(one .. two, events(all))
      assert.equal(two, events(back))
      assert.equal(one .. two, events(ahead))
    end)
    local output, fine = example:finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output)
  end)

  it("says what it wants", function()
    local example = process.example("events", "--help")
    local output, fine = example:finish()
    assert.is_false(fine)
    assert.matches("^usage: lua events.lua", output)
  end)
end)
