local helper = require "spec.helper"

local PLACES = {
  TCP = function() return "127.0.0.1:0" end,
  unix = function() return "unix:" .. helper.socket_path() end,
}
local MEGABYTE = ("0123456789abcdef"):rep(65536)

local between, failure = helper.between, helper.failure

for kind, place in pairs(PLACES) do
  describe("conn:close on " .. kind, function()
    it("is true when the peer's host has every byte and the FIN", function()
      between(function(here, there, lastcall)
        here:write("last words")
        local reading = lastcall.go(function() return there:read("a"), there:close() end)
        assert.is_true(here:close())
        assert.same({ "last words", true }, { reading:wait(2) })
        assert.equal("closed", here:state())
        assert.is_true(here:close())
      end, { at = place() })
    end)

    it("says what is left when its time is over, and not a moment later", function()
      between(function(here, there, lastcall)
        here:setsockopt("sndbuf", 32768)
        local big = MEGABYTE:rep(4)
        local writing = lastcall.go(function() return here:write(big) end)
        lastcall.sleep(0.02)
        local began = lastcall.now()
        local left = failure("timeout", here:close(0.1))
        local took = lastcall.now() - began
        assert.is_true(took >= helper.least(0.1) and took < helper.seconds(0.6), took)
        if kind == "TCP" then assert.is_true(left > 0) end
        failure("closed", writing:wait(1))
        assert.equal("closed", here:state())
        there:read("a")
      end, { at = place() })
    end)

    it("0 resets: nothing is promised, the peer sees it at once", function()
      between(function(here, there)
        helper.send(here, "on its way")
        here:write("discarded")
        assert.equal("closed", (select(2, here:close(0))))
        assert.equal("closed", here:state())
        local got, code, _, partial = there:read("a")
        if kind == "TCP" then
          assert.is_nil(got)
          assert.equal("reset", code)
        end
        assert.is_nil((got or partial):find("discarded"))
      end, { at = place() })
    end)

    for _, linger in ipairs { "background", -1 } do
      it(("%s says pending at once and takes the same steps"):format(linger), function()
        between(function(here, there, lastcall)
          here:write("last words")
          assert.equal("pending", here:close(linger))
          assert.equal("closing", here:state())
          failure("closed", here:write("more"))
          assert.equal("pending", here:close("background"))
          assert.equal("last words", there:read("a"))
          there:close("background")
          lastcall.sleep(0.05)
          assert.equal("closed", here:state())
          assert.is_true(here:close())
        end, { at = place() })
      end)
    end

    it("goes by the option linger", function()
      between(function(here, _, lastcall)
        local began = lastcall.now()
        assert.is_true(here:close()) -- delivered, though the peer has not finished
        local took = lastcall.now() - began
        assert.is_true(took >= helper.least(0.05) and took < helper.seconds(1), took)
      end, { at = place(), linger = 0.05 })
      between(function(here) assert.equal("pending", here:close()) end, { at = place(), linger = "background" })
      between(function(here)
        here:set_linger(0)
        failure("closed", here:close())
      end, { at = place() })
    end)

    it("is not delivered when the peer left without reading it", function()
      between(function(here, there, lastcall)
        helper.send(here, "never read")
        lastcall.sleep(0.02)
        there:abort()
        lastcall.sleep(0.02)
        failure("reset", here:close(1))
      end, { at = place() })
    end)

    it("three times, half-closes repeated, in any order: well-formed results", function()
      local calls = { "close", "shutdown write", "shutdown read", "shutdown both", "abort", "close 0",
        "close background", "read", "write" }
      local function call(conn, what)
        local name, argument = what:match("(%S+) ?(%S*)")
        if name == "read" then return conn:read("a") end
        if name == "write" then return conn:write("x") end
        if argument == "" then return conn[name](conn) end
        return conn[name](conn, tonumber(argument) or argument)
      end
      helper.task(function(lastcall)
        local server = assert(lastcall.listen(place()))
        for first = 1, #calls do
          for second = 1, #calls do
            local there = assert(lastcall.connect(server:addresses()[1]))
            local here = server:accept()
            there:close("background")
            for _, i in ipairs { first, second, first, first, second } do
              local result, code, message = call(here, calls[i])
              assert.is_true(result ~= nil or type(code) == "string" and type(message) == "string")
            end
            here:close(0)
            assert.equal("closed", here:state())
          end
        end
        server:close()
      end)
    end)

    it("wakes a task that is blocked in a read or in a write, with closed", function()
      between(function(here, _, lastcall)
        here:setsockopt("sndbuf", 32768)
        local reading = lastcall.go(function() return here:read() end)
        local writing = lastcall.go(function() return here:write(MEGABYTE) end)
        local behind = lastcall.go(function() return here:write("x") end)
        lastcall.sleep(0.02)
        for _, one in ipairs { reading, writing, behind } do assert.equal("waiting", (one:status())) end
        here:close("background")
        failure("closed", reading:wait(1))
        assert.is_true(failure("closed", writing:wait(1)) > 0)
        assert.equal(0, failure("closed", behind:wait(1)))
        here:abort()
      end, { at = place() })
    end)

    it("at the same moment from both ends is true on both", function()
      between(function(here, there, lastcall)
        here:write("a")
        there:write("b")
        local other = lastcall.go(function() return there:close() end)
        assert.is_true(here:close())
        assert.is_true(other:wait(1))
      end, { at = place() })
    end)

    it("delivers a whole reply though an upload lies unread: 64 KB and 4 MB", function()
      for _, size in ipairs { 65536, 4 * #MEGABYTE } do
        helper.task(function(lastcall)
          local verdict
          local server = assert(lastcall.listen(place(), { linger = helper.seconds(10) }))
          lastcall.spawn(function()
            server:serve(function(conn)
              conn:read()
              conn:write(("r"):rep(size))
              verdict = conn:close()
            end)
          end)
          lastcall.sleep(0)
          local conn = assert(lastcall.connect(server:addresses()[1]))
          helper.send(conn, "go\n")
          local uploading = lastcall.go(function() -- 4 MB that nobody asked for
            for _ = 1, 64 do
              if not conn:write(MEGABYTE:sub(1, 65536)) then return "cut" end
            end
            conn:shutdown("write")
            return "sent"
          end)
          assert.is_true(conn:read(size) == ("r"):rep(size))
          uploading:wait(5)
          conn:close()
          server:shutdown()
          server:wait()
          assert.is_true(verdict)
        end)
      end
    end)
  end)
end

describe("an early reply", function()
  it("reaches a client that reads nothing before its own 4 MB are sent", function()
    helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:write(("r"):rep(4000))
      end, { linger_bytes = 16 * 1024 * 1024 })
      local conn = assert(lastcall.connect(address))
      assert(conn:write("go\n", MEGABYTE:rep(4)))
      assert.is_true(conn:flush())
      conn:shutdown("write")
      assert.equal(("r"):rep(4000), conn:read("a"))
      assert.is_true(conn:close())
    end)
  end)

  it("larger than the kernel takes reaches it too: what it sends is discarded meanwhile", function()
    helper.task(function(lastcall)
      local size = 8 * #MEGABYTE
      local _, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:post(MEGABYTE:rep(8))
        conn:close(helper.seconds(10))
      end, { max_queue = 2 * size, linger_bytes = 2 * size })
      local conn = assert(lastcall.connect(address))
      assert(conn:write("go\n"))
      for _ = 1, 16 do assert(conn:write(MEGABYTE)) end
      assert.is_true(conn:flush())
      conn:shutdown("write")
      assert.equal(size, #conn:read("a"))
      conn:close()
    end)
  end)

  it("is not paid for without end: a peer that floods is cut at linger_bytes", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:write("enough\n")
      end, { linger_bytes = 100000, linger = helper.seconds(10) })
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "go\n")
      assert.equal("enough", conn:read())
      local began, sent = lastcall.now(), 0
      while conn:write(MEGABYTE:sub(1, 65536)) do sent = sent + 65536 end
      assert.is_true(lastcall.now() - began < helper.seconds(5))
      assert.is_true(sent < 8 * #MEGABYTE)
      assert.is_true(server:wait_for("==", 0, 2))
      conn:abort()
    end)
  end)
end)

describe("half-closes", function()
  it("shutdown(\"write\") sends what was written, then the FIN; we still read what the peer sends", function()
    between(function(here, there, lastcall)
      here:write(MEGABYTE)
      local reading = lastcall.go(function() return #there:read("a") end)
      assert.is_true(here:shutdown("write"))
      assert.equal(#MEGABYTE, reading:wait(5))
      helper.send(there, "and back\n")
      assert.equal("and back", here:read())
      assert.is_true(here:shutdown("write"))
    end)
  end)

  it("shutdown waits for the write of another task", function()
    between(function(here, there, lastcall)
      here:setsockopt("sndbuf", 32768)
      lastcall.go(function() return here:write(MEGABYTE) end)
      local shutting = lastcall.go(function() return here:shutdown("both") end)
      lastcall.sleep(0.02)
      assert.equal("waiting", (shutting:status()))
      assert.is_true(there:read("a") == MEGABYTE)
      assert.is_true(shutting:wait(1))
    end)
  end)

  it("close right after shutdown", function()
    between(function(here, there)
      here:write("x")
      assert.is_true(here:shutdown("write"))
      there:close("background")
      assert.is_true(here:close())
    end)
  end)

  it("a reset after shutdown is no delivery", function()
    between(function(here, there, lastcall)
      here:setsockopt("sndbuf", 32768)
      here:post(MEGABYTE:sub(1, 250000))
      lastcall.sleep(0.02)
      there:abort()
      lastcall.sleep(0.02)
      local value, code = here:close(1)
      assert.is_nil(value)
      assert.equal("reset", code)
    end)
  end)

  it("a client that half-closes without a word gets a silent end", function()
    helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn)
        for line in conn:lines() do conn:write(line) end
      end)
      local conn = assert(lastcall.connect(address))
      conn:shutdown("write")
      assert.equal("", conn:read("a"))
      assert.is_true(conn:close())
    end)
  end)

  it("a reset right after accept harms nobody else", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn) conn:write(conn:read() or "gone") end)
      for _ = 1, 20 do assert(lastcall.connect(address)):abort() end
      local conn = assert(lastcall.connect(address))
      conn:write("fine\n")
      assert.equal("fine", conn:read("a"))
      conn:close()
      assert.is_true(server:wait_for("==", 0, 2))
    end, { on_error = function() end })
  end)
end)

describe("the farewell", function()
  local function dismissed(options, handler)
    local said
    helper.task(function(lastcall)
      options.drain = { timeout = 3, quiet = 0.05 }
      local server, address = helper.serve(lastcall, handler or function(conn)
        for line in conn:lines() do conn:write(line, "\n") end
      end, options)
      local conn = assert(lastcall.connect(address))
      helper.send(conn, "one\n")
      assert.equal("one", conn:read())
      server:shutdown()
      said = conn:read("a")
      conn:close()
    end, { on_error = options.errors or function() end })
    return said
  end

  it("is the last that the ladder says, as a string or a function that gets the connection", function()
    assert.equal("bye\n", dismissed { farewell = "bye\n" })
    assert.equal("bye 7\n", dismissed({ farewell = function(conn) return ("bye %d\n"):format(conn.data.n) end },
      function(conn)
        conn.data.n = 7
        for line in conn:lines() do conn:write(line, "\n") end
      end))
  end)

  it("of the connection's own comes before the server's", function()
    for own, expected in pairs { ["mine\n"] = "mine\n", [""] = "", [function() return "made\n" end] = "made\n" } do
      assert.equal(expected, dismissed({ farewell = "bye\n" }, function(conn)
        conn:set_farewell(own)
        for line in conn:lines() do conn:write(line, "\n") end
      end))
    end
  end)

  it("that raises or waits is told to on_error, and the connection is closed in order", function()
    for _, wrong in ipairs { function() error "oops" end, function(conn) conn:read() end } do
      local told = {}
      assert.equal("", dismissed { farewell = wrong, on_error = function(err) told[#told + 1] = tostring(err) end })
      assert.equal(1, #told)
    end
  end)

  it("is not said by a handler that returns by itself", function()
    helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn) conn:write(conn:read()) end, { farewell = "bye" })
      local conn = assert(lastcall.connect(address))
      conn:write("one\n")
      assert.equal("one", conn:read("a"))
      conn:close()
    end)
  end)
end)

describe("<close>", function()
  it("closes with the usual linger, and in a killed task in the background", function()
    helper.task(function(lastcall)
      local states = {}
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        local up <close> = assert(lastcall.connect(conn.data.at, { linger = 0.2 }))
        states.up = up
        lastcall.sleep(60)
        lastcall.sleep(60)
        while true do lastcall.sleep(60) end
      end, { drain = 0.2 })
      server:on_state(function(conn) conn.data.at = address end)
      do
        local conn <close> = assert(lastcall.connect(address, { linger = 0.2 }))
        helper.send(conn, "go\n")
        server:wait_for(">=", 2, 2)
        lastcall.sleep(0.05)
        assert.equal("active", states.up:state())
      end
      server:shutdown()
      server:wait()
      lastcall.sleep(0)
      assert.is_true(states.up:state() == "closing" or states.up:state() == "closed")
    end, { on_error = function() end, drain = 1 })
  end)

  it("is true to the error that leaves the block", function()
    between(function(_, there, lastcall)
      there:set_linger(0.1)
      local task = lastcall.go(function()
        local conn <close> = there
        conn:write("x")
        error "the handler's own"
      end)
      local _, err = task:wait(5)
      assert.is_truthy(tostring(err):find("the handler's own"))
      assert.equal("closed", there:state())
    end)
  end)
end)

describe("a connection collected while open", function()
  it("is closed in the background and told to the log, with debug where it was opened", function()
    local told = {}
    local function note(level, event, fields)
      if event == "connection leaked" then told[#told + 1] = { level = level, fields = fields } end
    end
    for _, debug in ipairs { false, true } do
      helper.task(function(lastcall)
        local server = assert(lastcall.listen("127.0.0.1:0"))
        do assert(lastcall.connect(server:addresses()[1])):write("x") end
        local here = server:accept()
        collectgarbage()
        collectgarbage()
        assert.equal("x", here:read("a"))
        here:close()
        server:close()
      end, { log = note, debug = debug })
    end
    assert.equal(2, #told)
    assert.equal("warning", told[1].level)
    assert.is_truthy(told[1].fields.peer:find("^127%.0%.0%.1:"))
    assert.is_nil(told[1].fields.opened)
    assert.is_truthy(told[2].fields.opened:find("closing_spec.lua:%d+"))
  end)
end)

describe("a connection that closes, whose peer resets it", function()
  local socket = require "lastcall.socket"
  local ANSWER = ("a"):rep(200000)

  --- The peer takes next to nothing of the answer, so most of it is in the kernel, unacknowledged, when `leave(peer)`
  -- is called: before the loop has looked at the connection again.
  local function gone_at_once(leave, options)
    helper.task(function(lastcall)
      local peer = assert(socket.tcp4())
      local server, address = helper.serve(lastcall, function(conn)
        conn:read("l")
        conn:write(ANSWER)
        conn:close "background"
        leave(peer)
        peer:setoption("linger", { on = true, timeout = 0 })
        peer:close()
      end, options)
      peer:setoption("recv-buffer-size", 4096)
      local host, port = address:match "(.*):(%d+)"
      assert(peer:connect(host, port))
      peer:send "x\n"
      local limit = lastcall.now() + helper.seconds(3)
      repeat lastcall.sleep(0.01)
      until server:stats().accepted == 1 and server:count() == 0 or lastcall.now() > limit
      assert.equal(0, server:count())
    end)
  end

  it("ends at once when the peer's FIN comes with the reset", function()
    gone_at_once(function(peer) peer:shutdown "send" end)
  end)

  it("ends at once when bytes and the FIN come with the reset", function()
    gone_at_once(function(peer)
      peer:send(("late"):rep(1000))
      peer:shutdown "send"
    end)
  end)

  it("ends at once when it reads no more of what the peer sends", function()
    gone_at_once(function(peer) peer:send(("late"):rep(1000)) end, { linger_bytes = 100 })
  end)
end)
