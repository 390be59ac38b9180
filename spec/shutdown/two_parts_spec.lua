-- scripts/test: early, fast clock
local helper = require "spec.helper"

-- Protocols whose requests or answers come in two parts. `handler` serves; `first` brings a request half
-- way, the drain begins, and `second` must still end it, a pause later.
local PROTOCOLS = {
  ["a line, then a body"] = {
    handler = function(conn)
      for line in conn:lines() do
        local size = tonumber(line:match("^put (%d+)$"))
        conn:write("stored ", conn:read(size), "\n")
      end
    end,
    first = function(conn) conn:write("put 5\n") end,
    second = function(conn)
      conn:write("hello")
      assert.equal("stored hello", conn:read())
    end,
  },
  ["a length, then a payload"] = {
    handler = function(conn)
      local size = conn:read(4)
      while size do
        conn:write(conn:read(tonumber(size)):upper())
        size = conn:read(4)
      end
    end,
    first = function(conn) conn:write("0005he") end,
    second = function(conn)
      conn:write("llo")
      assert.equal("HELLO", conn:read(5))
    end,
  },
  ["half a line"] = {
    handler = function(conn)
      for line in conn:lines() do conn:write(line:upper(), "\n") end
    end,
    first = function(conn) conn:write("hel") end,
    second = function(conn)
      conn:write("lo\n")
      assert.equal("HELLO", conn:read())
    end,
  },
  ["a worker that answers"] = {
    handler = function(conn, _, lastcall)
      local jobs = lastcall.channel()
      lastcall.go(function()
        for job in jobs:iter() do
          lastcall.sleep(1.5)
          conn:write("done ", job, "\n")
        end
      end)
      for line in conn:lines() do jobs:send(line) end
      jobs:close()
    end,
    first = function(conn) conn:write("job\n") end,
    second = function(conn) assert.equal("done job", conn:read()) end,
  },
  ["a proxy whose upstream takes its time"] = {
    handler = function(conn, _, lastcall, upstream)
      local other <close> = assert(lastcall.connect(upstream))
      lastcall.pipe(conn, other)
    end,
    first = function(conn) conn:write("slow\n") end,
    second = function(conn)
      conn:shutdown("write")
      assert.equal("answer to slow", conn:read())
    end,
  },
  ["a server that speaks first"] = {
    handler = function(conn, _, lastcall)
      conn:write("welcome")
      conn:flush()
      lastcall.sleep(1.5)
      conn:write(" in\n")
      local name = conn:read()
      if name then conn:write("hello ", name, "\n") end
    end,
    first = function(conn) assert.equal("welcome", conn:read(7)) end,
    second = function(conn)
      assert.equal(" in", conn:read())
      conn:write("me\n")
      assert.equal("hello me", conn:read())
    end,
  },
}

describe("drained in the pause between its two parts, nothing is cut:", function()
  for name, protocol in pairs(PROTOCOLS) do
    it(name, function()
      helper.task(function(lastcall)
        local _, upstream = helper.serve(lastcall, function(conn)
          local line = conn:read()
          lastcall.sleep(2)
          conn:write("answer to ", line, "\n")
        end)
        local server, address = helper.serve(lastcall, function(conn, ctx)
          return protocol.handler(conn, ctx, lastcall, upstream)
        end, { drain = 8 })
        local _, beside = helper.serve(lastcall, function(conn)
          for line in conn:lines() do conn:write(line, "\n") end
        end)
        local conn, idle = assert(lastcall.connect(address)), assert(lastcall.connect(beside))
        idle:write("x\n")
        idle:read()
        protocol.first(conn)
        conn:flush()
        lastcall.sleep(0.1)
        server:shutdown()
        idle:close()
        lastcall.sleep(1.3) -- longer than drain.quiet
        protocol.second(conn)
        conn:close()
        local report = server:wait()
        helper.assert_clean(report)
        assert.equal(1, report.finished, tostring(report))
      end)
    end)
  end

  it("and an idle connection beside them is closed at once when it said so, and after `quiet` when not", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        local kind = conn:read()
        conn:write("ready\n")
        if kind == "lines" then
          for _ in conn:lines() do error "no more came" end
        else
          conn:read()
        end
      end, { drain = { timeout = 8, quiet = 1 } })
      local closed, began = {}, nil
      for _, kind in ipairs { "lines", "read" } do
        local conn = assert(lastcall.connect(address))
        conn:write(kind, "\n")
        assert.equal("ready", conn:read())
        lastcall.go(function()
          assert.equal("eof", select(2, conn:read()))
          closed[kind] = lastcall.now() - began
          conn:close()
        end)
      end
      began = lastcall.now()
      server:shutdown()
      assert.equal(2, server:wait().closed_idle)
      lastcall.sleep(0.01)
      assert.is_true(closed.lines < helper.seconds(0.5))
      assert.is_true(closed.read >= 0.9 and closed.read < helper.seconds(1.8))
    end)
  end)
end)
