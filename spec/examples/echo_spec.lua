local helper = require "spec.helper"
local process = require "spec.support.process"

-- The shortest programs do not say when they listen: tries until they do.
local function connect(lastcall, address)
  local conn, code, message
  for _ = 1, 200 do
    conn, code, message = lastcall.connect(address)
    if conn then return conn end
    lastcall.sleep(helper.seconds(0.02))
  end
  error(("%s (%s)"):format(message, code))
end

local say = helper.send

describe("examples/echo.lua", function()
  it("answers the line that had begun, closes the idle, and refuses the next", function()
    local address = "unix:" .. helper.socket_path()
    local echo = process.example("echo", address)
    helper.task(function(lastcall)
      local busy, idle = connect(lastcall, address), connect(lastcall, address)
      say(idle, "one\n")
      assert.equal("you said: one", idle:read())
      say(busy, "hel")
      lastcall.sleep(0.1)
      echo:signal("TERM")
      local _, code = idle:read()
      assert.equal("eof", code)
      assert.is_nil((lastcall.connect(address)))
      say(busy, "lo\n")
      assert.equal("you said: hello", busy:read())
      _, code = busy:read()
      assert.equal("eof", code)
      idle:close()
      busy:close()
    end)
    local output, fine = echo:finish()
    assert.is_true(fine, output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)
end)

describe("examples/echo.c", function()
  it("echoes while it drains, closes who has fallen silent, and refuses the next", function()
    local address = "unix:" .. helper.socket_path()
    local echo = process.start(helper.program("examples/echo") .. " " .. address)
    helper.task(function(lastcall)
      local conn = connect(lastcall, address)
      say(conn, "one")
      assert.equal("one", conn:read(3))
      echo:signal("TERM")
      say(conn, "two")
      assert.equal("two", conn:read(3))
      local _, code = conn:read()
      assert.equal("eof", code)
      assert.is_nil((lastcall.connect(address)))
      conn:close()
    end)
    local output, fine = echo:finish()
    assert.is_true(fine, output)
    assert.matches("echo: drain, 1 connections\n", output, 1, true)
    assert.matches("drained, nobody lost\n$", output)
  end)

  it("reads no further than a slow peer takes its answers, and loses nothing of them", function()
    local address = "unix:" .. helper.socket_path()
    local echo = process.start(helper.program("examples/echo") .. " " .. address)
    local text = ("0123456789abcdef"):rep(2 ^ 17) -- 2 MiB: more than the kernel keeps
    helper.task(function(lastcall)
      local conn = connect(lastcall, address)
      local writing = lastcall.go(function() return conn:write(text) and conn:shutdown("write") end)
      lastcall.sleep(0.1)
      assert.equal("waiting", (writing:status())) -- for room: nobody reads the answers yet
      assert.is_true(conn:read("a") == text)
      assert.is_true(writing:wait())
      conn:close()
      echo:signal("TERM")
    end)
    local output, fine = echo:finish()
    assert.is_true(fine, output)
    assert.matches("drained, nobody lost\n$", output)
  end)
end)

describe("every example", function()
  for _, case in ipairs {
    { "lua5.4 examples/echo.lua a b", "usage: lua echo.lua [ADDRESS]" },
    { "lua5.4 examples/chat.lua a b", "usage: lua chat.lua [ADDRESS]" },
    { "lua5.4 examples/store.lua --help", "usage: lua store.lua [ADDRESS [FILE]]" },
    { "lua5.4 examples/proxy.lua 127.0.0.1:0", "usage: lua proxy.lua ADDRESS UPSTREAM" },
    {
      "lua5.4 examples/tls_proxy.lua 127.0.0.1:0 c k",
      "usage: lua tls_proxy.lua ADDRESS CERTIFICATE KEY NAME=UPSTREAM...",
    },
    { "lua5.4 examples/health.lua 127.0.0.1:0 soon", "usage: lua health.lua [ADDRESS [DELAY]]" },
    { "lua5.4 examples/prefork.lua 127.0.0.1:0 none", "usage: lua prefork.lua [ADDRESS [PROCESSES [START [DRAIN]]]]" },
    { helper.program("examples/echo") .. " a b", "usage: echo [ADDRESS]" },
  } do
    it("says how it is used: " .. case[1]:gsub("^%S*/", ""), function()
      local output, _, status = helper.run(case[1])
      assert.equal(case[2] .. "\n", output)
      assert.equal(2, status)
    end)
  end
end)
