--- What the fuzzers have kept (`make fuzz` looks for more): each input is tried once.
local helper = require "spec.helper"

describe("the fuzz target", function()
  for _, target in ipairs { "address", "api", "http", "options", "reader", "sock_diag" } do
    it(target .. " stands every input of its corpus", function()
      local output, fine = helper.run(("%s spec/fuzz/corpus/%s/*"):format(
        helper.program("fuzz/" .. target), target), 60)
      assert.is_true(fine, output)
      local count = tonumber(output:match "(%d+) inputs\n$")
      assert.is_true(count and count > 5, output)
    end)
  end
end)
