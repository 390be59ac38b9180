local helper = require "spec.helper"

describe("the report of a shutdown that ran out of time", function()
  it("names the line that held a connection also when its task obeyed, and its peer was left at the kill", function()
    local held
    local report = helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn)
        conn:read() -- the line it is held in
        conn:read()
      end)
      held = assert(lastcall.connect(address)) -- it never closes: the server lingers until the kill
      held:write("one\nand half a li")
      held:flush()
      lastcall.sleep(0.05)
    end, { drain = 3 }) -- a tenth of it is left for the handler to obey in
    assert.equal(1, report.killed)
    local one = report.stragglers[1]
    assert.same({ "killed", "closing", "read" }, { one.fate, one.state, one.waits_for })
    local text = tostring(report)
    assert.is_truthy(text:find("held in read at [^\n]*straggler_keeps_its_line_spec.lua:9"), text)
  end)
end)
