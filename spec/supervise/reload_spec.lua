local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local RELOADS = helper.long and 100 or 10

--- Reloads in the middle of a storm of clients, of whom none may be lost or refused.
local function in_a_storm(address, reloads)
  local options = { command = supervised.QUIETLY, script = "spec/support/line_server.lua", args = { address, "10" } }
  supervised.run(options, function(lastcall, service)
    local output, fine
    local storm = lastcall.go(function()
      output, fine = helper.run_beside(lastcall, ("%s --name-lost %s --storm rate=200,seconds=%d"):format(
        helper.program "clients", address, reloads // 5 + 1))
    end)
    for i = 1, reloads do
      assert.same({ true }, { service:reload() })
      assert.equal(i + 1, supervised.generation(service))
    end
    storm:wait()
    assert.is_true(fine, output)
    assert.is_truthy(output:find(" refused=0 lost=0 truncated=0 ", 1, true), output)
  end)
end

describe("a reload", function()
  it("replaces all workers in a storm over TCP, and nobody is lost or refused", function()
    in_a_storm(supervised.address(), RELOADS)
  end)

  it("does so at a unix-domain path", function()
    local path = os.tmpname()
    os.remove(path)
    in_a_storm("unix:" .. path, RELOADS // 2)
    assert.is_nil(io.open(path))
  end)
end)
