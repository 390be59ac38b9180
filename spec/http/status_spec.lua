-- scripts/test: fast clock
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local LOCAL = "Host: localhost\r\n"

local function open(address, headers, target)
  local conn = assert(lastcall.connect(address))
  helper.send(conn, ("GET %s HTTP/1.1\r\n%s\r\n"):format(target or "/status?events", headers or LOCAL))
  return conn
end

local function get(address, headers, target)
  local conn = open(address, headers, target or "/status")
  local reply = client.hear(conn)
  conn:close()
  return reply
end

--- The text of the next event whose text has `wanted`; raises when the stream has ended.
local function event(conn, wanted)
  while true do
    local lines = {}
    repeat
      local line = assert(conn:read(), "the stream has ended")
      lines[#lines + 1] = line:match "^data: (.*)$"
    until line == ""
    local text = table.concat(lines, "\n")
    if text:find(wanted, 1, true) then return text end
  end
end

--- The rest of a stream, up to its last chunk. Raises unless it has one.
local function ending(conn)
  local text = conn:read "a"
  conn:close()
  return assert(text:match "^(.*)\r\n0\r\n\r\n$", text)
end

--- A handler with the page at /status. Other requests last until `hold` is closed; then they are answered.
local function handler(hold, options)
  local status = http.status(options)
  return function(request, response)
    if request.path == "/status" then return status(request, response) end
    if request.path == "/quick" then return "quick\n" end
    hold:receive()
    return "done\n"
  end
end

local function hostile(path)
  return "/" .. path .. [[<script>alert('1')</script>&"]]
end

describe("the status page", function()
  it("is one document that loads and runs nothing from elsewhere, and shows who is at work", function()
    local hold = lastcall.channel()
    client.serving(handler(hold, { title = "<b> & co" }), function(address)
      local slow, idle = open(address, LOCAL, hostile "slow"), open(address, LOCAL, "/quick")
      assert.equal("quick\n", client.hear(idle).body)
      local reply = get(address)
      local text, headers = reply.body, reply.headers
      assert.same({ 200, "text/html; charset=utf-8", "no-store", "nosniff" }, { reply.status,
        headers["content-type"], headers["cache-control"], headers["x-content-type-options"] })
      local nonce = headers["content-security-policy"]:match "^default%-src 'none'; script%-src 'nonce%-([%w+/=]+)';"
      assert.is_truthy(text:find(('<script nonce="%s">'):format(nonce), 1, true), text)
      assert.is_truthy(text:find '<meta name="viewport" content="width=device%-width')
      assert.is_nil(text:gsub('nonce="[^"]*"', ""):find "//[%w]") -- a nonce may have slashes
      assert.is_truthy(text:find("<title>&lt;b&gt; &amp; co</title>", 1, true), text)
      assert.is_truthy(text:find("<b>1</b>active", 1, true), text)
      assert.is_truthy(text:find("<b>1</b>idle", 1, true), text)
      local shown = "<li>GET /slow&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot; from"
      assert.is_truthy(text:find(shown, 1, true), text)
      assert.is_truthy(text:find "in handler at [^\n]*status_spec.lua:%d+, waiting for channel:receive", text)
      assert.is_nil(text:find("GET /status from", 1, true), text) -- who looks is not at work
      assert.is_not.equal(nonce, get(address).headers["content-security-policy"]:match "nonce%-([%w+/=]+)")
      hold:close()
      assert.equal("done\n", client.hear(slow).body)
      slow:close()
      idle:close()
    end)
  end)

  it("escapes what control bytes and broken UTF-8 there may be", function()
    local page = require "lastcall.http.status.page"
    local found = { step = "serving", states = { active = 1, closing = 0, idle = 0, new = 0 }, servers = {}, quiet = {},
      accepted = 1, requests = 0, in_flight = 0, watching = 0, more_servers = 0, more_holders = 0, more_quiet = 0,
      holders = { { id = 1, peer = "unix:/\27[2J\0\r\n\x80<i>é", state = "active", age = 1 } } }
    local text = page.contents(found)
    assert.is_truthy(text:find([[/\x1b[2J\x00\r\n\x80&lt;i&gt;\xc3\xa9]], 1, true), text)
    found.holders[1].peer = "unix:/é"
    assert.is_truthy(page.contents(found):find("unix:/é", 1, true))
  end)

  it("is shown to this machine, and to nobody who comes from elsewhere", function()
    client.serving(handler(), function(address)
      local port = address:match ":(%d+)$"
      for _, host in ipairs { "localhost", "LOCALHOST:1", "127.0.0.1:" .. port, "127.1.2.3", "[::1]:80" } do
        assert.equal(200, get(address, ("Host: %s\r\n"):format(host)).status, host)
      end
      local refused = {
        "Host: example.org\r\n", "Host: localhost.example.org\r\n", "Host: 127.0.0.1.example.org\r\n", "Host: \r\n",
        LOCAL .. "X-Forwarded-For: 127.0.0.1\r\n", LOCAL .. "Forwarded: for=127.0.0.1\r\n", LOCAL .. "Via: 1.1 x\r\n",
        LOCAL .. "X-Real-IP: 10.0.0.1\r\n",
      }
      for _, headers in ipairs(refused) do
        for _, target in ipairs { "/status", "/status?events", "/status?x" } do
          assert.equal(403, get(address, headers, target).status, headers)
        end
      end
      local conn = assert(lastcall.connect(address))
      assert.equal("GET, HEAD", client.ask(conn, "POST", "http://localhost/status").headers.allow)
      assert.equal(200, client.ask(conn, "HEAD", "http://localhost/status").status)
      assert.equal(403, client.ask(conn, "DELETE", "http://example.org/status").status)
      local reply = client.ask(conn, "HEAD", "http://localhost/status?events")
      assert.equal("text/event-stream", reply.headers["content-type"])
      conn:close()
    end)
    local path = helper.socket_path()
    client.serving(handler(), function(address)
      assert.equal(200, get(address, "Host: example.org\r\n").status)
      assert.equal(403, get(address, "Host: x\r\nX-Forwarded-For: 10.0.0.1\r\n").status)
    end, { at = "unix:" .. path })
  end)

  it("is not shown to other machines", function()
    local other = helper.run "hostname -I":match "^(%d+%.%d+%.%d+%.%d+)"
    if not other then return pending "this machine has no address but loopback" end
    client.serving(handler(), function(address)
      assert.equal(403, get(address).status)
      assert.equal(403, get(address, LOCAL, "/status?events").status)
    end, { at = other .. ":0" })
  end)

  it("is shown to whom the script says", function()
    local told = {}
    local function access(request)
      if request.query == "bad" then error "on purpose" end
      return request.headers["authorization"] == "Basic eDp5"
    end
    client.serving(handler(nil, { access = access }), function(address)
      assert.equal(403, get(address).status)
      assert.equal(200, get(address, "Host: example.org\r\nVia: x\r\nAuthorization: Basic eDp5\r\n").status)
      assert.equal(500, get(address, LOCAL, "/status?bad").status)
    end, { on_error = function(err) told[#told + 1] = err end })
    assert.equal(1, #told)
    assert.is_truthy(told[1]:find "on purpose")
    helper.raises("did you mean 'title'", http.status, { titel = "x" })
    helper.raises("option 'access' is a function", http.status, { access = true })
    helper.raises("option 'most'", http.status, { most = 0 })
  end)

  it("lists some of many connections, and counts the others", function()
    local hold = lastcall.channel()
    client.serving(handler(hold, { most = 10 }), function(address, server)
      local conns = {}
      for i = 1, 60 do conns[i] = open(address, LOCAL, i <= 30 and "/slow" or "/quick") end
      server:wait_for("==", 60)
      while server:count "idle" < 30 do lastcall.sleep(0.01) end
      local text = get(address).body
      assert.equal(10, select(2, text:gsub("<li>GET /slow ", "")))
      assert.is_truthy(text:find("<li>and 20 more</li>", 1, true), text)
      assert.is_truthy(text:find("<li>and 30 more</li>", 1, true), text)
      hold:close()
      while server:count "idle" < 60 do lastcall.sleep(0.01) end
      text = get(address).body
      assert.equal(10, select(2, text:gsub("<li>connection ", "")))
      assert.is_truthy(text:find("<li>and 50 more</li>", 1, true), text)
      for _, conn in ipairs(conns) do conn:close() end
    end)
  end)

  it("has room for a bounded number of those who look", function()
    client.serving(handler(), function(address)
      local conns = {}
      for i = 1, 20 do conns[i] = open(address) end
      event(conns[1], "20 watching")
      assert.equal(503, get(address).status)
      conns[1]:close()
      repeat local status = get(address).status until status == 200
      for i = 2, 20 do conns[i]:close() end
    end)
  end)

  it("shows a drain, first whom it waits for, and ends with the last of them", function()
    local hold, rest = lastcall.channel(), nil
    local report = client.serving(handler(hold), function(address, server)
      local slow, idle, page = open(address, LOCAL, "/slow"), open(address, LOCAL, "/quick"), open(address)
      client.hear(idle)
      local text = event(page, "GET /slow")
      assert.is_truthy(text:find('<b class="step">serving</b>', 1, true), text)
      lastcall.shutdown()
      text = event(page, '<b class="step leaving">drain</b>')
      local at_work, silent = text:find("<li>GET /slow from", 1, true), text:find("<h2>Silent", 1, true)
      assert.is_true(at_work and silent and at_work < silent, text)
      event(page, "<h2>Silent") -- another one: the page is renewed in the drain
      hold:close()
      assert.equal("done\n", client.hear(slow).body)
      slow:close()
      assert.equal("eof", select(2, idle:read()))
      idle:close()
      rest = ending(page)
      assert.equal(0, server:count "active")
    end)
    assert.is_truthy(rest:find("<b>0</b>active", 1, true), rest)
    assert.is_truthy(rest:find "retry: %d+\n\n$", rest)
    helper.assert_clean(report)
  end)

  it("holds up no drain: with nobody who looks, and with two", function()
    for watchers = 0, 2, 2 do
      local pages = {}
      local report = client.serving(handler(), function(address)
        for i = 1, watchers do
          pages[i] = open(address)
          event(pages[i], "watching")
        end
        lastcall.shutdown()
        for i = 1, watchers do
          local rest = ending(pages[i])
          assert.is_truthy(rest:find "retry: %d+\n\n$", rest)
          assert.is_true(select(2, rest:gsub("step leaving", "")) <= 2, rest)
        end
      end)
      helper.assert_clean(report)
    end
  end)

  it("shows the other servers of the process from one of its own, and a stop of its own server alone", function()
    local hold = lastcall.channel()
    local report = client.serving(handler(hold), function(address)
      local own, there = helper.serve(lastcall, http.handler(http.status()))
      local first, slow = open(there), open(address, LOCAL, "/slow")
      event(first, "GET /slow")
      own:shutdown(5)
      assert.is_truthy(ending(first):find "retry") -- it does not wait for the other server's clients
      helper.assert_clean(own:wait())
      own, there = helper.serve(lastcall, http.handler(http.status()))
      local second = open(there)
      event(second, "GET /slow")
      lastcall.shutdown()
      event(second, "leaving")
      hold:close()
      assert.equal("done\n", client.hear(slow).body)
      slow:close()
      assert.is_truthy(ending(second):find "retry")
      helper.assert_clean(own:wait())
    end)
    helper.assert_clean(report)
  end)

  it("ends in order before the deadline, whoever holds the stop", function()
    local hold, rest = lastcall.channel(), nil
    local report = client.serving(handler(hold), function(address)
      local slow, page = open(address, LOCAL, "/slow"), open(address)
      event(page, "GET /slow")
      lastcall.shutdown(4)
      rest = ending(page)
      assert.equal("reset", select(2, slow:read "a") or "reset")
      slow:close()
    end)
    assert.is_truthy(rest:find("<li>GET /slow from", 1, true), rest)
    assert.equal(1, report.canceled)
    assert.equal(1, #report.stragglers)
    assert.is_true(report.ok, tostring(report))
  end)

  it("gives up a client that takes nothing", function()
    local function access(request) return request.conn:setsockopt("sndbuf", 4096) end
    local hold = lastcall.channel()
    client.serving(handler(hold, { access = access, most = 80 }), function(address, server)
      local page, slow = assert(lastcall.connect(address)), {}
      page:setsockopt("rcvbuf", 2048)
      for i = 1, 80 do slow[i] = open(address, LOCAL, "/" .. ("x"):rep(100)) end
      helper.send(page, ("GET /status?events HTTP/1.1\r\n%s\r\n"):format(LOCAL))
      server:wait_for("==", 81)
      server:wait_for("==", 80)
      helper.raises("", ending, page)
      for _, conn in ipairs(slow) do conn:close() end
    end)
  end)
end)
