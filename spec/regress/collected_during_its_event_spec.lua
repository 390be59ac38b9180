--- Found by the fuzz target of the option tables (its input collected_while_its_failure_is_logged): handling
-- an event of a connection allocated memory. So the connection, which the script no longer held, was collected in the
-- middle of it.
local helper = require "spec.helper"

describe("a connection that nobody holds", function()
  it("may be collected by its own heartbeat function", function()
    helper.between(function(here, _, lastcall)
      local server = here:server()
      do
        local there = assert(lastcall.connect(server:addresses()[1]))
        there:heartbeat { interval = 0.001, send = function(conn)
          assert(conn.id)
          conn = nil -- luacheck: ignore
          collectgarbage()
          collectgarbage()
          return "alive\n"
        end }
      end
      local other = assert(server:accept(helper.seconds(5)))
      assert.equal("alive\n", other:read_some())
      collectgarbage()
      collectgarbage()
      assert.equal("eof", select(2, other:read_some()))
      other:close(0)
    end)
  end)
end)
