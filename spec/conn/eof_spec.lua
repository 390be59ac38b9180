-- scripts/test: fast clock
local helper = require "spec.helper"

local PLACES = {
  ["TCP"] = function() return "127.0.0.1:0" end,
  ["a unix-domain socket"] = function() return "unix:" .. helper.socket_path() end,
}

--- Waits until `seen()` says so.
local function eventually(lastcall, seen)
  local last = lastcall.now() + helper.seconds(5)
  while not seen() do
    assert(lastcall.now() < last, "it has not come")
    lastcall.sleep(0.005)
  end
end

for name, place in pairs(PLACES) do
  describe(("conn:on_eof over %s"):format(name), function()
    it("tells a handler that does not read, consumes nothing and changes no state", function()
      helper.between(function(here, there, lastcall)
        local told
        here:on_eof(function(conn) told = conn end)
        helper.send(there, "one\ntwo\n")
        assert.equal("one", here:read())
        lastcall.sleep(0.02)
        assert.is_nil(told)
        local before = here:state()
        there:shutdown "write"
        eventually(lastcall, function() return told end)
        assert.equal(here, told)
        assert.equal(before, here:state())
        assert.equal("two", here:read())
        helper.failure("eof", here:read())
        assert.is_true(here:write "answer\n")
        here:flush()
        assert.equal("answer", there:read())
      end, { at = place() })
    end)

    it("tells each function once, also when the FIN came before, read or not", function()
      for _, is_read in ipairs { true, false } do
        helper.between(function(here, there, lastcall)
          local calls = 0
          there:shutdown "write"
          if is_read then helper.failure("eof", here:read()) else lastcall.sleep(0.05) end
          local stop = here:on_eof(function() calls = calls + 1 end)
          eventually(lastcall, function() return calls == 1 end)
          here:on_eof(function() calls = calls + 1 end)
          eventually(lastcall, function() return calls == 2 end)
          lastcall.sleep(0.02)
          assert.equal(2, calls)
          assert.is_false(stop())
        end, { at = place() })
      end
    end)

    it("tells a client of its server's FIN, and forgets what it is told to", function()
      helper.between(function(here, there, lastcall)
        local told, forgotten = false, false
        there:on_eof(function() told = true end)
        local stop = there:on_eof(function() forgotten = true end)
        assert.is_true(stop())
        here:shutdown "write"
        eventually(lastcall, function() return told end)
        lastcall.sleep(0)
        assert.is_false(forgotten)
      end, { at = place() })
    end)
  end)

  describe(('on_eof = "cancel" over %s'):format(name), function()
    for _, start in ipairs { "accept", "data" } do
      it(("ends the handlers of clients that left, and no other (start = %s)"):format(start), function()
        local causes, slept = {}, nil
        local report = helper.task(function(lastcall)
          local server = assert(lastcall.listen(place(), { on_eof = "cancel", start = start }))
          local address = server:addresses()[1]
          lastcall.spawn(function()
            server:serve(function(conn, ctx)
              if conn:read() == "stay" then
                slept = lastcall.sleep(0.2)
                return conn:write "here\n"
              end
              helper.failure("canceled", lastcall.sleep(60))
              causes[#causes + 1] = ctx:cause()
            end)
          end)
          lastcall.sleep(0)
          local stays = helper.ask(address, "stay")
          for _ = 1, 5 do helper.ask(address, "poll"):close "background" end
          eventually(lastcall, function() return #causes == 5 end)
          assert.equal("here", stays:read())
          stays:close()
        end)
        assert.same({ "eof", "eof", "eof", "eof", "eof" }, causes)
        assert.is_true(slept)
        assert.is_true(report.ok, tostring(report))
        assert.equal(0, report.canceled)
      end)
    end

    it("still has what came before the FIN read and answered", function()
      helper.task(function(lastcall)
        local server = assert(lastcall.listen(place(), { on_eof = "cancel" }))
        lastcall.spawn(function() server:serve(helper.echo) end)
        lastcall.sleep(0)
        local client = assert(lastcall.connect(server:addresses()[1]))
        client:write "a\nb\n"
        client:shutdown "write"
        assert.equal("a\nb\n", client:read "a")
        client:close()
      end)
    end)
  end)
end

describe("conn:on_eof", function()
  it("is no word for a reset, nor for our own half-close, and is the default for nobody", function()
    helper.task(function(lastcall)
      local told, ended, slept = false, false, nil
      local server, address = helper.serve(lastcall, function(conn, ctx)
        conn:on_eof(function() told = true end)
        if conn:read() == "half" then
          slept = lastcall.sleep(0.1)
          return
        end
        conn:shutdown "read"
        helper.failure("canceled", lastcall.sleep(60))
        ended = ctx:cause()
      end)
      local client = helper.ask(address, "reset")
      lastcall.sleep(0.05)
      client:abort()
      eventually(lastcall, function() return ended end)
      assert.equal("reset", ended)
      assert.is_false(told)
      client = helper.ask(address, "half")
      client:shutdown "write"
      eventually(lastcall, function() return slept end)
      assert.is_true(told)
      client:close()
      server:wait_for("==", 0, helper.seconds(5))
    end)
  end)
end)
