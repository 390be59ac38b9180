local helper = require "spec.helper"
local process = require "spec.support.process"

-- A real Redis on a unix-domain socket of its own.
local function start_redis()
  local path = helper.socket_path()
  local redis = process.start(("redis-server --port 0 --unixsocket %s --save '' --appendonly no"):format(path))
  for line in redis.pipe:lines() do
    if line:find("Ready to accept connections", 1, true) or line:find("ready to accept connections", 1, true) then
      return redis, "unix:" .. path
    end
  end
  error "redis-server did not start"
end

local function ask(lastcall, address, request)
  local redis = assert(lastcall.connect(address))
  redis:write(request, "\r\n")
  local reply = assert(redis:read())
  local length = reply:match("^%$(%d+)")
  if length then reply = redis:read(tonumber(length)) end
  redis:close()
  return (reply:gsub("\r$", ""))
end

describe("examples/news.lua", function()
  it("passes on what is published, and all of its parts obey one signal", function()
    local redis, where = start_redis()
    local news = process.example("news", "127.0.0.1:0", "127.0.0.1:0", where, "weather")
    local addresses = news:address()
    local address, health = addresses:match("^(%S+) (%S+)$")
    helper.task(function(lastcall)
      local readers = {}
      for i = 1, 3 do
        readers[i] = assert(lastcall.connect(address))
        assert.equal("you will hear what is new on weather", readers[i]:read())
      end
      repeat until ask(lastcall, where, "PUBLISH weather fog") == ":1" or not lastcall.sleep(0.02)
      for i = 1, 3 do assert.equal("fog", readers[i]:read()) end
      repeat until ask(lastcall, where, "GET weather:readers") == "3" or not lastcall.sleep(0.1)
      local check = assert(lastcall.connect(health))
      check:write("GET /ready HTTP/1.1\r\n\r\n")
      assert.equal("HTTP/1.1 200 OK\r", check:read())
      check:close()
      news:signal("TERM")
      for i = 1, 3 do
        assert.equal("good night", readers[i]:read())
        assert.equal("eof", select(2, readers[i]:read()))
        readers[i]:close()
      end
    end)
    local output, fine = news:finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output)
    assert.matches("hook redis: ok", output)
    helper.task(function(lastcall)
      assert.equal("0", ask(lastcall, where, "GET weather:readers"))
    end)
    redis:signal("TERM")
    redis:finish()
  end)

  it("says what it wants", function()
    local news = process.example("news", "127.0.0.1:0")
    local output, fine = news:finish()
    assert.is_false(fine)
    assert.matches("^usage: lua news.lua ADDRESS HEALTH REDIS CHANNEL", output)
  end)
end)
