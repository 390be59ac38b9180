local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local helper = require "spec.helper"
local process = require "spec.support.process"

local function hears(conn, text) assert.same({ 1, text, true }, { frames.read(conn) }) end

describe("examples/chat_web.lua", function()
  it("passes on what one says, and a drain in mid-work loses nothing and says goodbye to all", function()
    local chat = process.example("chat_web", "127.0.0.1:0")
    local address = chat:address()
    helper.task(function(lastcall)
      local conn = assert(lastcall.connect(address))
      assert.is_truthy(client.ask(conn, "GET", "/").body:find "new WebSocket")
      assert.equal(404, client.ask(conn, "GET", "/nothing").status)
      assert.equal(426, client.ask(conn, "GET", "/chat").status)
      conn:close()
      local ann, bob = frames.connect(address, "/chat"), frames.connect(address, "/chat")
      ann:write(frames.text "ann")
      hears(ann, "* ann is here")
      bob:write(frames.text "bob")
      hears(ann, "* bob is here")
      hears(bob, "* bob is here")
      bob:write(frames.text "hello")
      for _, one in ipairs { ann, bob } do hears(one, "bob: hello") end
      -- What bob says before he answers Close is heard by the room, though ann has left already.
      chat:signal "TERM"
      assert.equal(8, (frames.read(ann)))
      ann:write(frames.close(1001))
      assert.equal("eof", frames.rest(ann))
      bob:write(frames.text "still there?", frames.close(1001))
      assert.is_truthy(frames.rest(bob):find "close 1001, eof$")
      ann:close()
      bob:close()
    end)
    local output, fine = chat:finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output)
  end)

  it("closes a client that reads too slowly, and delays no other", function()
    local chat = process.example("chat_web", "127.0.0.1:0")
    local address = chat:address()
    helper.task(function()
      local deaf, ann = frames.connect(address, "/chat"), frames.connect(address, "/chat")
      deaf:write(frames.text "deaf")
      hears(deaf, "* deaf is here")
      ann:write(frames.text "ann")
      hears(ann, "* ann is here")
      -- 8 MB in all, more than any buffer on the way to deaf; four lines at a time, less than ann's queue.
      local said, has_left = frames.text(("x"):rep(4000)), false
      for _ = 1, 500 do
        assert(ann:write(said:rep(4)))
        for _ = 1, 4 do
          local _, text = frames.read(ann)
          if text == "* deaf has left" then has_left, _, text = true, frames.read(ann) end
          assert.equal(4005, #text)
        end
      end
      assert.is_true(has_left)
      deaf:abort()
      ann:abort()
    end)
    chat:drain()
  end)

  it("is one room in several processes by examples/hub.lua, also in a drain; without it, each has its own", function()
    local hub = process.example("hub", "unix:" .. helper.socket_path())
    local at = hub:address()
    local first = process.example("chat_web", "127.0.0.1:0", at)
    local second = process.example("chat_web", "127.0.0.1:0", at)
    local addresses = { first:address(), second:address() }
    helper.task(function(lastcall)
      local ann, bob = frames.connect(addresses[1], "/chat"), frames.connect(addresses[2], "/chat")
      ann:write(frames.text "ann")
      hears(ann, "* ann is here")
      bob:write(frames.text "bob")
      for _, one in ipairs { ann, bob } do hears(one, "* bob is here") end
      ann:write(frames.text "one\ntwo")
      for _, one in ipairs { ann, bob } do hears(one, "ann: one two") end
      second:signal "TERM"
      assert.equal(8, (frames.read(bob)))
      bob:write(frames.text "late", frames.close(1001))
      assert.is_truthy(frames.rest(bob):find "eof$")
      hears(ann, "bob: late")
      hears(ann, "* bob has left")
      bob:close()
      helper.stopping.assert_says_clean((second:finish()))
      hub:drain_beside(lastcall)
      ann:write(frames.text "alone")
      hears(ann, "ann: alone")
      ann:abort()
    end)
    first:drain()
  end)
end)
