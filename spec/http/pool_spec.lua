-- scripts/test: fast clock
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

--- Serves requests one after the other; `after(conn, n, request)` runs behind the nth reply of a connection, and ends
-- the connection when it returns true.
local function replying(after)
  return function(conn)
    for n = 1, math.huge do
      local head = conn:read_until "\r\n\r\n"
      if not head then return end
      local length = tonumber(head:match "Content%-Length: (%d+)")
      if length then conn:read(length) end
      conn:write(OK)
      conn:flush()
      if after and after(conn, n, head) then return end
    end
  end
end

local function against(handler, body, options)
  return helper.task(function(_, ctx)
    local server, address = helper.serve(lastcall, handler, options)
    body("http://" .. address .. "/", server, ctx)
    server:close()
  end)
end

local function fine(reply, ...)
  assert(reply, select(2, ...))
  assert.same({ 200, "ok" }, { reply.status, reply:body() })
end

--- Waits, for a bounded time, until `condition()` holds.
local function until_so(condition)
  local till = lastcall.now() + helper.seconds(5)
  while not condition() do
    assert(lastcall.now() < till, "it has not come to that")
    lastcall.sleep(0.005)
  end
end

describe("a connection of the pool", function()
  it("serves one request after the other, and the last one used is the next", function()
    local used = {}
    against(function(conn)
      return replying(function() used[#used + 1] = conn.id end)(conn)
    end, function(url, server)
      local client = http.client()
      local one, other = client:get(url), client:get(url)
      fine(other)
      fine(one)
      for _ = 1, 3 do fine(client:get(url)) end
      assert.equal(2, server:stats().accepted)
      assert.same({ used[1], used[1], used[1] }, { used[3], used[4], used[5] }) -- `one` was given back last
    end)
  end)

  it("is never used once the server has finished, reset it, or said more", function()
    local endings = {
      function(conn) return conn:close("background") or true end,
      function(conn) return conn:abort() end,
      function(conn) return conn:write "HTTP/1.1 408 Request Timeout\r\n\r\n" and conn:flush() and nil end,
    }
    for _, ending in ipairs(endings) do
      against(replying(ending), function(url, server)
        local client = http.client()
        for _ = 1, 5 do
          fine(client:post(url, "no second try"))
          lastcall.sleep(0.05)
        end
        assert.equal(5, server:stats().accepted)
      end)
    end
  end)

  it("is closed as soon as the server has finished, after idle_timeout, and with its client", function()
    against(replying(function(conn) return conn:close("background") or true end), function(url, server)
      local client = http.client()
      fine(client:get(url))
      until_so(function() return server:count() == 0 and client.pool.count == 0 end)
    end)
    against(replying(), function(url, server)
      local client = http.client { idle_timeout = 0.2 }
      fine(client:get(url))
      assert.equal(1, server:count())
      until_so(function() return server:count() == 0 end)
      client = http.client()
      fine(client:get(url))
      assert.equal(1, server:count())
      client:close()
      until_so(function() return server:count() == 0 end)
    end)
  end)

  it("is closed without a word when its client is forgotten", function()
    local events = {}
    helper.task(function()
      local server, address = helper.serve(lastcall, replying())
      local client = http.client { idle_timeout = 0.1 }
      fine(client:get("http://" .. address .. "/"))
      client = nil -- luacheck: ignore
      until_so(function()
        collectgarbage()
        return server:count() == 0
      end)
      server:close()
    end, { log = helper.apart_from_shutdown(function(_, event) events[#events + 1] = event end) })
    for _, event in ipairs(events) do assert.is_nil(event:find "^connection", event) end
  end)

  it("is closed in order after its last reply", function()
    for _, line in ipairs { "Connection: close\r\n", "" } do
      local ending
      against(function(conn)
        conn:read_until "\r\n\r\n"
        conn:write((OK:gsub("\r\n", "\r\n" .. line, 1)))
        ending = select(2, conn:read "a") or "eof"
      end, function(url)
        fine(http.client { idle_timeout = line == "" and 0 or 30 }:get(url))
        until_so(function() return ending end)
        assert.equal("eof", ending)
      end)
    end
  end)

  it("is not kept longer than the server says", function()
    against(function(conn)
      conn:read_until "\r\n\r\n"
      conn:write(OK:gsub("\r\n", "\r\nKeep-Alive: timeout=1\r\n", 1))
      conn:await(5)
    end, function(url, server)
      local client = http.client()
      fine(client:get(url))
      assert.equal(0, client.pool.count)
      until_so(function() return server:count() == 0 end)
    end)
  end)

  it("is one of max_idle at most: the one that has rested longest is closed", function()
    against(replying(), function(url, server)
      local client = http.client { max_idle = 2 }
      local replies = {}
      for i = 1, 5 do replies[i] = assert(client:get(url)) end
      assert.equal(5, server:count())
      for i = 1, 5 do fine(replies[i]) end
      assert.equal(2, client.pool.count)
      until_so(function() return server:count() == 2 end)
    end)
  end)
end)

describe("a request whose connection has been closed", function()
  --- A server that closes each connection when a second request comes, as if both had crossed.
  local function crossing(count)
    return function(conn)
      replying(function()
        conn:read_until "\r\n\r\n"
        count.lost = count.lost + 1
        conn[count.lost % 2 == 0 and "abort" or "close"](conn)
        return true
      end)(conn)
    end
  end

  it("is sent again on a new one, if that cannot do harm", function()
    local count = { lost = 0 }
    against(crossing(count), function(url)
      local client = http.client()
      for _ = 1, 6 do fine(client:get(url)) end
      assert.equal(5, count.lost)
      fine(client:request(url, { method = "PUT", body = "the same again" }))
      fine(client:post(url, "with a key", { retry = true }))
      assert.equal(7, count.lost)
    end)
  end)

  it("fails otherwise: a POST, a body that comes from a function, a reply that has begun", function()
    local count = { lost = 0 }
    against(crossing(count), function(url)
      local client = http.client()
      local function gone(...)
        local _, code = ...
        assert.is_nil((...))
        assert.is_truthy(code == "eof" or code == "reset" or code == "broken pipe", code)
      end
      fine(client:get(url))
      gone(client:post(url, ""))
      fine(client:get(url))
      gone(client:get(url, { retry = false }))
      fine(client:get(url))
      local left = 1
      gone(client:request(url, { method = "PUT", body = function()
        left = left - 1
        return left >= 0 and "once" or nil
      end }))
    end)
    against(replying(function(conn)
      conn:read_until "\r\n\r\n"
      helper.send(conn, "HTTP/1.1 2")
      return true
    end), function(url)
      local client = http.client()
      fine(client:get(url))
      helper.failure("eof", client:get(url))
    end)
  end)
end)

describe("the limits of a pool", function()
  it("make requests wait for a connection, in their order", function()
    for _, limits in ipairs { { max_per_host = 2 }, { max_connections = 2 } } do
      local most, order = 0, {}
      against(function(conn)
        local head = conn:read_until "\r\n\r\n"
        most = math.max(most, conn:server():count())
        lastcall.sleep(0.02)
        order[#order + 1] = head:match "GET /(%d+)"
        conn:write((OK:gsub("\r\n", "\r\nConnection: close\r\n", 1)))
      end, function(url)
        local client = http.client(limits)
        local group = lastcall.group()
        for i = 1, 8 do group:go(function() fine(client:get(url .. i)) end) end
        assert(group:wait())
        assert.is_true(most <= 2, most)
        assert.equal("1 2 3 4 5 6 7 8", table.concat(order, " "))
      end)
    end
  end)

  it("do not hold up other hosts, and let go when a wait is over", function()
    against(replying(), function(url)
      local other, there = helper.serve(lastcall, replying())
      local client = http.client { max_per_host = 1 }
      local unread = assert(client:get(url))
      helper.failure("timeout", client:get(url, { timeout = 0.1 }))
      fine(client:get("http://" .. there .. "/"))
      assert.equal("ok", unread:body())
      fine(client:get(url))
      other:close()
    end)
  end)
end)

describe("a reply that is not read", function()
  --- With one place in the pool: the next request goes out only when the connection of `leave(client, url)` has ended.
  local function frees(leave)
    against(function(conn)
      conn:read_until "\r\n\r\n"
      conn:write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
      while conn:write(("x"):rep(65536)) do end -- luacheck: ignore
    end, function(url, server)
      local client = http.client { max_connections = 1 }
      leave(client, url)
      until_so(function()
        collectgarbage()
        return server:count() == 0
      end)
      assert.equal(0, client.pool.count)
      local reply = assert(client:get(url, { timeout = helper.seconds(5) }))
      reply:close()
      helper.failure("closed", reply:read())
    end)
  end

  it("loses its connection when it is closed", function()
    frees(function(client, url) assert(client:get(url)):close() end)
    frees(function(client, url)
      local reply <close> = assert(client:get(url))
      assert.equal(10, #reply:read(10))
    end)
  end)

  it("loses its connection when it is too long for reply:body", function()
    frees(function(client, url) helper.failure("too long", assert(client:get(url)):body(100000)) end)
  end)

  it("loses its connection when it is forgotten", function()
    frees(function(client, url) assert(client:get(url)) end)
    frees(function(client, url)
      assert(client:post(url, function() -- whose end never comes
        lastcall.sleep(0.01)
        return "piece"
      end))
    end)
  end)

  it("loses its connection at the end of the context that asked for it, also in other hands", function()
    local kept
    frees(function(client, url)
      local ctx, cancel = lastcall.context.with_cancel()
      kept = ctx:call(function() return assert(client:get(url)) end)
      assert.equal(10, #kept:read(10))
      cancel()
      lastcall.sleep(0.05)
      local piece, code
      repeat piece, code = kept:read() until not piece
      assert.is_truthy(code == "closed" or code == "canceled", code)
    end)
  end)
end)

describe("a pool at a shutdown", function()
  it("holds nothing up, leaves nothing behind, and serves until then", function()
    local client, answered = http.client(), 0
    local report = helper.task(function()
      local server, address = helper.serve(lastcall, replying())
      local url = "http://" .. address .. "/"
      local reply = assert(client:get(url))
      lastcall.spawn(function()
        local guard <close> = lastcall.work "in flight" -- luacheck: ignore
        lastcall.sleep(0.1)
        assert.equal("ok", reply:body())
        for _ = 1, 5 do
          fine(client:post(url, "while it drains"))
          answered = answered + 1
        end
      end)
      assert.equal(1, server:count())
    end)
    assert.equal(5, answered)
    helper.assert_clean(report)
    assert.is_true(report.elapsed < helper.seconds(2.5), report.elapsed)
    against(replying(), function(url) fine(client:get(url)) end) -- in the next run, too
  end)
end)
