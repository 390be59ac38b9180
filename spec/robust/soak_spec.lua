-- scripts/test: early
local helper = require "spec.helper"

describe("a long run", function()
  it("of tasks, contexts, timers and connections ends with the memory it began with", function()
    local count = helper.seconds(1) > 1 and 2000 or 20000
    local output, fine = helper.run(("lua5.4 spec/support/soak.lua %d"):format(count), 120)
    assert.is_true(fine, output)
    helper.figure("%s", (output:gsub("\n.*", "")))
    -- Short rounds, as the slow checkers have, leave more to chance in the sizes of tables.
    assert.is_true(tonumber(output:match("each, (%-?%d+) bytes")) < 65536 * helper.seconds(1), output)
    assert.matches("left: 0 tasks, 0 connections, 0 timers", output)
  end)

  it("of HTTP requests of every kind leaves the server with the memory that it had", function()
    local output, fine = helper.run("lua5.4 spec/support/http/soak.lua 10000 10", 120)
    assert.is_true(fine, output)
    helper.figure("%s", (output:gsub("\n.*", "")))
    assert.matches("^soak: %d%d%d%d%d? requests", output)
  end)

  it("of clients whose server is restarted again and again loses nobody who has connected", function()
    local growth = helper.is_slow and 500 or 4 -- MiB: a sanitizer keeps what was freed for a while
    local output, fine = helper.run(("lua5.4 spec/support/soak_restarts.lua 6 30 %d"):format(growth), 90)
    assert.is_true(fine, output)
    helper.figure("%s", (output:gsub("\n.*", "")))
    assert.matches("[1-9]%d* restarts: %d%d%d+ served", output)
    assert.matches(" 0 lost", output, 1, true)
  end)

  it("of a server under every hardship at once, stopped again and again, loses nobody who asked in order", function()
    local seconds = tonumber(os.getenv "LASTCALL_HARDSHIPS") or 6
    local output, fine = helper.run(("spec/support/soak_hardships.sh %d 2>/dev/null"):format(seconds), seconds + 120)
    assert.is_true(fine, output)
    helper.figure("%s", (output:gsub("\n.*", "")))
    assert.matches("[1-9]%d* stops: %d%d%d+ answered", output)
    assert.matches(" 0 lost", output, 1, true)
  end)
end)
