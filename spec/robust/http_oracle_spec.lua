--- Requests, and mutations of them: what we accept, other strict readers accept too, and read the same in it.
local helper = require "spec.helper"

local CORPUS = "spec/fuzz/corpus/http/*"

describe("what is accepted of a request", function()
  local oracle = helper.program "oracle"
  local seed = os.time()

  local function is_missing()
    local _, fine = helper.run("test -x " .. oracle)
    return not fine and "no llhttp here (Debian: node-llhttp)"
  end

  it("is what llhttp, node's parser, accepts, with the same fields and body", function()
    if is_missing() then return pending(is_missing()) end
    local count = helper.long and 20000000 or 1000000
    local output, fine = helper.run(("%s %d %d %s"):format(oracle, seed, count, CORPUS), 120)
    assert.is_true(fine, ("seed %d: %s"):format(seed, output))
    local tried, accepted = output:match "^(%d+) requests, (%d+) accepted;"
    assert.is_true(tonumber(tried) > count)
    assert.is_true(tonumber(accepted) > count / 100, output)
    helper.figure("llhttp: %s", (output:gsub("\n", "")))
  end)

  it("is what h11 accepts, with the same fields and body", function()
    if is_missing() then return pending(is_missing()) end
    local _, fine = helper.run("/usr/bin/python3 -I -c 'import h11'")
    if not fine then return pending "no h11 here (Debian: python3-h11)" end
    local count = helper.long and 5000000 or 100000
    local output
    output, fine = helper.run(("sh -c '%s --tell %d %d %s | /usr/bin/python3 -I spec/oracle/h11_reads.py'"):format(
      oracle, seed, count, CORPUS), 120)
    assert.is_true(fine, ("seed %d: %s"):format(seed, output))
    local compared = tonumber(output:match "^(%d+) requests\n$")
    assert.is_true(compared and compared > count / 100, output)
    helper.figure("h11: %d requests accepted by both", compared)
  end)
end)
