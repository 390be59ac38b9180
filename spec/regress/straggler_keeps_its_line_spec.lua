-- scripts/test: fast clock
local helper = require "spec.helper"

describe("the report of a shutdown that ran out of time", function()
  it("names the line that held a connection also when its task obeyed, and its peer was left at the kill", function()
    local held
    local report = helper.task(function(lastcall)
      local _, address = helper.serve(lastcall, function(conn)
        assert(conn:post(("x"):rep(2 ^ 25))) -- more than the kernel takes for a peer that does not read
        conn:read()
        conn:read() -- the line it is held in
      end, { max_queue = 2 ^ 26 })
      held = assert(lastcall.connect(address)) -- it never reads: the server lingers until the kill
      held:write("one\nand half a li")
      held:flush()
      lastcall.sleep(0.05)
    end, { drain = 3 }) -- a tenth of it is left for the handler to obey in
    assert.equal(1, report.killed)
    local one = report.stragglers[1]
    assert.same({ "killed", "closing", "read" }, { one.fate, one.state, one.waits_for })
    local text = tostring(report)
    assert.is_truthy(text:find("held in read at [^\n]*straggler_keeps_its_line_spec.lua:11"), text)
  end)
end)
