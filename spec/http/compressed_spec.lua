-- scripts/test: fast clock
-- Bodies that servers compress, for a client that says that it understands them.
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local inflate = require "lastcall.http.client.inflate"

local TEXT = ("all work and no play makes jack a dull boy, %d\n"):rep(3000):gsub("%%d", function()
  return tostring(math.random(1 << 30))
end)

local function compressed(text) return require "zlib".deflate(9, 31)(text, "finish") end

--- Serves `body` with these headers, and calls `main` with the URL and a list of what came in Accept-Encoding.
local function serving(body, headers, main, options)
  local seen = {}
  local all = { ["Content-Type"] = "text/plain", ["Content-Encoding"] = "gzip" }
  for name, value in pairs(headers) do all[name] = value or nil end
  client.serving(function(request)
    seen[#seen + 1] = request.headers["accept-encoding"] or "none"
    if request.path == "/there" then return 302, { Location = "/" }, "" end
    return 200, all, type(body) == "function" and body() or body
  end, function(address, server)
    local user = http.client(options or { decompress = true })
    main(user, ("http://%s/"):format(address), seen, server)
    user:close()
  end)
end

--- A body in chunks of these sizes.
local function in_chunks(text, size)
  return function()
    local at = 1
    return function()
      if at > #text then return nil end
      at = at + size
      return text:sub(at - size, at - 1)
    end
  end
end

local function without_a_library()
  it("is not asked for where the library is not there", function()
    local output = helper.run_script [[
      package.preload.zlib = function() error "no such library" end
      local lastcall, http = require "lastcall", require "lastcall.http"
      lastcall.run(function()
        local server = assert(lastcall.listen "127.0.0.1:0")
        lastcall.spawn(function()
          server:serve(http.handler(function(request) return tostring(request.headers["accept-encoding"]) end))
        end)
        local client = http.client { decompress = true }
        print(client:get("http://" .. server:addresses()[1] .. "/"):body())
        client:close()
        lastcall.shutdown()
      end, { log = function() end })
    ]]
    assert.equal("nil\n", output)
  end)
end

describe("a compressed body", function()
  without_a_library()
  if not inflate.is_there then return it("is undone", function() pending "no lua-zlib here" end) end

  it("is undone as it is read: at once, piece by piece, in chunks of any size, with several members", function()
    local whole = compressed(TEXT)
    local several = compressed "one, " .. compressed "" .. compressed(TEXT) .. compressed "end"
    for _, body in ipairs { whole, in_chunks(whole, 1), in_chunks(whole, 1000), in_chunks(whole, 100000) } do
      serving(body, {}, function(user, url, seen, server)
        local reply = assert(user:get(url))
        assert.is_true(reply:body() == TEXT)
        assert.same({ "gzip", "gzip", "gzip" }, { reply.decoded, reply.headers["content-encoding"], seen[1] })
        local pieces = {}
        for piece in user:get(url):chunks(777) do
          assert.is_true(#piece <= 777)
          pieces[#pieces + 1] = piece
        end
        assert.is_true(table.concat(pieces) == TEXT)
        assert.is_true(user:get(url .. "there"):body() == TEXT)
        assert.equal(1, server:stats().accepted)
      end)
    end
    for _, body in ipairs { several, in_chunks(several, 3) } do
      serving(body, { ["Content-Encoding"] = "x-gzip" }, function(user, url)
        assert.is_true(user:get(url):body() == "one, " .. TEXT .. "end")
      end)
    end
    serving("", {}, function(user, url) assert.equal("", user:get(url):body()) end)
    serving(whole, {}, function(user, url) assert.equal("", user:request(url, { method = "HEAD" }):body()) end)
  end)

  it("is handed over as it comes where it was not asked for, or is something else", function()
    local whole = compressed(TEXT)
    for _, options in ipairs { { decompress = false }, {} } do
      serving(whole, {}, function(user, url, seen)
        local reply = user:get(url)
        assert.is_true(reply:body() == whole)
        assert.same({ nil, "none" }, { reply.decoded, seen[1] })
      end, options)
    end
    serving(whole, {}, function(user, url, seen)
      assert.is_true(user:get(url, { headers = { ["accept-encoding"] = "gzip, br" } }):body() == whole)
      assert.is_true(user:get(url, { headers = { Range = "bytes=0-" } }):body() == whole)
      assert.same({ "gzip, br", "none" }, seen)
    end)
    for _, coding in ipairs { "br", "gzip, gzip", "identity", "deflate" } do
      serving(whole, { ["Content-Encoding"] = coding }, function(user, url)
        assert.is_true(user:get(url):body() == whole)
      end)
    end
    serving("plain", { ["Content-Encoding"] = false }, function(user, url)
      assert.equal("plain", user:get(url):body())
    end)
  end)

  it("takes no memory when it becomes very long", function()
    local zeros = require "zlib".deflate(9, 31)
    local pieces = {}
    local size = helper.long and 1000 or 50 -- MiB
    for _ = 1, size do pieces[#pieces + 1] = (zeros(("\0"):rep(1 << 20))) end
    pieces[#pieces + 1] = (zeros("", "finish"))
    local bomb = table.concat(pieces)
    assert.is_true(#bomb < size * 2000)
    serving(bomb, {}, function(user, url)
      collectgarbage()
      local before = collectgarbage "count"
      local body, code, message = user:get(url):body(1 << 20)
      assert.is_nil(body)
      assert.same({ "too long", true }, { code, message:find("more than 1048576 bytes", 1, true) ~= nil })
      assert.equal("too long", select(2, user:get(url):body()))
      local length, most = 0, 0
      for piece in user:get(url):chunks(1 << 16) do
        length, most = length + #piece, math.max(most, collectgarbage "count")
      end
      assert.equal(size << 20, length)
      assert.is_true(most < before + 40000, most) -- KiB, with what the collector has not taken yet
    end)
  end)

  it("that is cut or changed is never taken for a whole one", function()
    local short = compressed "hello, hello, hello, hello"
    for at = 1, #short - 1, helper.long and 1 or 3 do
      serving(short:sub(1, at), {}, function(user, url)
        local reply = user:get(url)
        local body, code, message = reply:body()
        assert.same({ nil, "eof", true }, { body, code, message:find("the compressed body is cut", 1, true) ~= nil })
        assert.same({ nil, "eof", message }, { reply:read() })
      end)
    end
    local function changed(at)
      return short:sub(1, at - 1) .. string.char(short:byte(at) ~ 0x55) .. short:sub(at + 1)
    end
    for _, body in ipairs {
      "hello", "\31\139", changed(1), changed(2), changed(3), changed(15), changed(#short - 6), changed(#short - 1),
      short .. "x", short .. "\0\0\0\0", short .. short:sub(1, 5) .. "junk behind a second head",
    } do
      serving(body, {}, function(user, url)
        local got, code = user:get(url):body()
        assert.is_nil(got)
        assert.is_true(code == "invalid" or code == "eof", code)
        helper.raises("reply:chunks: ", function() for _ in user:get(url):chunks() do end end)
      end)
    end
  end)

  it("whose connection breaks says so", function()
    client.serving(function(_, response)
      response.headers["Content-Encoding"] = "gzip"
      response:write(compressed(TEXT):sub(1, 5000))
      response:flush()
      error "on purpose"
    end, function(address)
      local user = http.client { decompress = true }
      assert.equal("reset", select(2, user:get(("http://%s/"):format(address)):body()))
      user:close()
    end, { on_error = function() end })
  end)
end)
