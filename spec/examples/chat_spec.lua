local helper = require "spec.helper"
local process = require "spec.support.process"

local function say(conn, text)
  helper.send(conn, text, "\n")
end

-- Joins, and waits until the room has taken the name: it passes on what comes after that.
local function join(lastcall, address, name)
  local conn = assert(lastcall.connect(address))
  assert(conn:read(#"your name? "))
  say(conn, name)
  return conn
end

describe("examples/chat.lua", function()
  it("passes on what one says to everybody else, and says goodbye at the drain", function()
    local chat = process.example("chat", "127.0.0.1:0")
    local address = chat:address()
    helper.task(function(lastcall)
      local ann = join(lastcall, address, "ann")
      lastcall.sleep(0.1)
      local bob = join(lastcall, address, "bob")
      assert.equal("* bob is here", ann:read())
      say(bob, "hello")
      assert.equal("bob: hello", ann:read())
      chat:signal("TERM")
      local last = ann:read()
      if last == "* bob has left" then last = ann:read() end -- bob may be shown out first
      assert.equal("* the room closes, good night", last)
      ann:close()
      bob:close()
    end)
    local output, fine = chat:finish()
    assert.is_true(fine, output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
  end)

  it("holds nobody up for one who does not read", function()
    local chat = process.example("chat", "127.0.0.1:0")
    local address = chat:address()
    helper.task(function(lastcall)
      local deaf = join(lastcall, address, "deaf")
      lastcall.sleep(0.1)
      local ann = join(lastcall, address, "ann")
      lastcall.sleep(0.1)
      local bob = join(lastcall, address, "bob")
      assert.equal("* bob is here", ann:read())
      -- 16 MB in all, more than any buffer on the way to deaf; four lines at a time, less than ann's queue.
      local line = ("x"):rep(8000)
      for _ = 1, 500 do
        for _ = 1, 4 do assert(bob:write(line, "\n")) end
        assert(bob:flush())
        for _ = 1, 4 do assert.equal("bob: " .. line, ann:read()) end
      end
      deaf:abort()
      ann:close()
      bob:close()
    end)
    chat:drain()
  end)
end)
