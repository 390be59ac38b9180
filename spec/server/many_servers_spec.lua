-- scripts/test: early
local helper = require "spec.helper"
local lastcall = require "lastcall"

local COUNT = 60

--- One session of a server that opens a listener for each of them.
local function session(i)
  local server = helper.serve(lastcall, helper.echo)
  local conn = helper.spoken(server:addresses()[1], "session " .. i)
  conn:close("background")
  server:shutdown(10)
  server:wait()
  return server
end

describe("of servers that came and went, the report", function()
  it("lists the last 16, and adds up those before", function()
    local first
    local report = helper.task(function()
      local group = lastcall.group()
      for i = 1, COUNT do
        group:go(function()
          local server = session(i)
          first = first or server
        end)
      end
      assert(group:wait())
    end, { drain = { timeout = helper.seconds(10), quiet = 0 } })
    assert.equal(16, #report.stop)
    assert.equal(COUNT - 16, report.stopped_earlier)
    assert.equal(COUNT, report.finished + report.closed_idle)
    helper.assert_clean(report)
    assert.is_true(first:report().ok) -- its own is had as ever
    assert.is_truthy(tostring(report):find((COUNT - 16) .. " addresses stopped before", 1, true), tostring(report))
  end)

  it("lists all that still listen", function()
    local report = helper.task(function()
      for i = 1, COUNT do assert(lastcall.listen(helper.abstract("many servers " .. i))) end
    end)
    assert.equal(COUNT, #report.stop)
    assert.equal(0, report.stopped_earlier)
  end)

  it("remembers what went wrong with one of the first, and who was slow", function()
    local report = helper.task(function()
      local server = helper.serve(lastcall, function(conn) conn:read() lastcall.sleep(60) end)
      local conn = helper.ask(server:addresses()[1], "x")
      server:wait_for(">=", 1)
      lastcall.sleep(0.05)
      server:shutdown(1)
      server:wait()
      conn:abort()
      for i = 1, COUNT do
        local one = assert(lastcall.listen(helper.abstract("many servers " .. i)))
        one:close()
        one:wait()
      end
    end)
    assert.equal(16, #report.stop)
    assert.equal(1, report.canceled + report.killed)
    assert.equal(1, #report.stragglers)
    assert.is_false(report.clean)
  end)
end)
