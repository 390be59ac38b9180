-- scripts/test: fast clock
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- Pieces as a function that gives each once.
local function giving(pieces)
  local i = 0
  return function()
    i = i + 1
    return pieces[i]
  end
end

--- A server by hand: `script(conn, head)` for each connection.
local function against(script, body)
  helper.task(function()
    local server, address = helper.serve(lastcall, function(conn) script(conn, conn:read_until "\r\n\r\n") end)
    body("http://" .. address .. "/", server)
    server:close()
  end)
end

describe("the body of a request", function()
  it("is a string, a number, a list, or a function, whose length may be known", function()
    client.serving(function(request)
      local headers = request.headers
      return ("%s %s %s %s"):format(request.method, headers["content-length"], headers["transfer-encoding"],
        request:body())
    end, function(address)
      local url = "http://" .. address .. "/"
      local function answer(body, given)
        local reply = assert(http.post(url, body, given))
        return reply:body()
      end
      assert.equal("POST 5 nil hello", answer "hello")
      assert.equal("POST 0 nil ", answer(nil))
      assert.equal("POST 2 nil 42", answer(42))
      assert.equal("POST 5 nil hello", answer { "he", "llo" })
      assert.equal("POST nil chunked hello", answer(giving { "he", "", "llo" }))
      assert.equal("POST 5 nil hello", answer(giving { "he", "llo" }, { headers = { ["Content-Length"] = 5 } }))
      assert.equal("GET nil nil ", http.get(url):body())
      assert.equal("DELETE nil nil ", http.request(url, { method = "DELETE" }):body())
      assert.equal("PATCH 0 nil ", http.request { url = url, method = "PATCH" }:body())
      assert.equal("POST 5 nil hello", answer("hello", { expect = true }))
    end)
  end)

  it("may be large, both ways at once", function()
    local size = 3 * 1024 * 1024
    client.serving(function(request)
      return 200, function() return request:read() end
    end, function(address)
      local url = "http://" .. address .. "/"
      local data = ("0123456789abcdef"):rep(size // 16)
      local sent = 0
      for _, body in ipairs { data, function()
        sent = sent + 65536
        return sent <= size and data:sub(1, 65536) or nil
      end } do
        assert.is_true(http.post(url, body):body() == data)
      end
    end, nil, { max_body = 2 * size })
  end)

  it("that is shorter or longer than it says, or raises, is never taken for a whole one", function()
    local ends = {}
    against(function(conn)
      ends[#ends + 1] = select(2, conn:read "a")
    end, function(url)
      local function raises(reason, body, length)
        helper.raises(reason, http.post, url, body, { headers = { ["Content-Length"] = length } })
      end
      raises("more bytes than its Content-Length, 3", giving { "he", "llo" }, 3)
      raises("2 bytes fewer than its Content-Length", giving { "he", "llo" }, 7)
      raises("my mistake", function() error "my mistake" end)
      raises("gave a table, not a string", giving { "he", {} })
      raises("Content-Length is 3, and the body has 5 bytes", "hello", 3)
      while #ends < 4 do lastcall.sleep(0.005) end
      assert.same({ "reset", "reset", "reset", "reset" }, ends)
    end)
  end)
end)

describe("a reply that comes before the body has been sent", function()
  local REFUSAL = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n"

  --- Bodies that never end by themselves.
  local function endless() return ("x"):rep(65536) end

  it("is heard, and its connection not used again", function()
    for _, ending in ipairs { "stay", "close", "abort" } do
      local pieces = 0
      against(function(conn)
        conn:read(100000)
        conn:write(REFUSAL)
        conn:flush()
        if ending == "stay" then conn:await(0) lastcall.sleep(0.2) end -- it reads no more
        if ending == "close" then conn:close("background") end
        if ending == "abort" then lastcall.sleep(0.02) conn:abort() end
      end, function(url, server)
        local reply = assert(http.post(url, function()
          pieces = pieces + 1
          return endless()
        end))
        assert.equal(413, reply.status)
        if ending ~= "abort" then assert.equal("no\n", reply:body()) end
        local sent = pieces
        reply:close()
        lastcall.sleep(0.05)
        assert.is_true(pieces - sent <= 1, "it goes on sending")
        assert.equal(1, server:stats().accepted)
      end)
    end
  end)

  it("is no end of the body where the server reads on", function()
    against(function(conn)
      conn:write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      for _ = 1, 3 do
        local size = tonumber(conn:read(), 16)
        local piece = conn:read(size)
        conn:read()
        helper.send(conn, ("%x\r\n%s\r\n"):format(#piece, piece))
      end
      helper.send(conn, "0\r\n\r\n")
      conn:read "a"
    end, function(url)
      local asked = lastcall.channel(1)
      local reply = assert(http.post(url, function() return (asked:receive()) end))
      for _, word in ipairs { "one", "two", "three" } do
        asked:send(word)
        assert.equal(word, reply:read())
      end
      assert.is_nil(reply:read())
    end)
  end)
end)

describe("the option expect", function()
  it("waits for 100 Continue before it sends the body", function()
    local early
    against(function(conn, head)
      assert.is_truthy(head:find "Expect: 100%-continue")
      early = select(2, conn:await(0.2))
      helper.send(conn, "HTTP/1.1 100 Continue\r\n\r\n")
      local body = conn:read(5)
      conn:write(("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%s"):format(body))
    end, function(url)
      assert.equal("hello", http.post(url, "hello", { expect = 5 }):body())
      assert.equal("timeout", early)
    end)
  end)

  it("sends it after a while all the same, and not at all once the reply is here", function()
    local rest
    against(function(conn)
      local body = conn:read(5)
      conn:write(("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%s"):format(body))
    end, function(url)
      assert.equal("hello", http.post(url, "hello", { expect = 0.1 }):body())
    end)
    against(function(conn)
      helper.send(conn, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
      rest = conn:read "a"
    end, function(url, server)
      assert.equal(417, http.post(url, "hello", { expect = true }).status)
      while server:count() > 0 do lastcall.sleep(0.005) end
      assert.is_truthy(rest == "" or rest == nil, rest)
    end)
  end)
end)

describe("a call of the client with a value of a wrong type", function()
  it("raises an error that names the call and the value", function()
    client.serving(function() return "ok" end, function(address)
      local url, own = "http://" .. address .. "/", http.client()
      helper.raises("http.get: the URL is a string, not a table", http.get, {})
      helper.raises("client:post: the URL is a string, not a table", own.post, own, { host = "a" }, "x")
      helper.raises("http.request: the URL is a string, not a table", http.request, { url = { url } })
      helper.raises("http.get: options are a table, not a number", http.get, url, 5)
      helper.raises("client:post: options are a table, not a string", own.post, own, url, "x", "y")
      local reply = assert(http.get(url, { headers = { Connection = "close" } }))
      for _, max in ipairs { "x", -1, 0.5 } do
        helper.raises("reply:body: expected a number of bytes", reply.body, reply, max)
      end
      assert.equal("ok", reply:body(2))
    end)
  end)
end)
