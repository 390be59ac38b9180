-- scripts/test: alone
local helper = require "spec.helper"

local COUNT = 10000

describe("ten thousand idle connections", function()
  it("are all closed in order, in bounded turns", function()
    local limit = tonumber((helper.run "sh -c 'ulimit -Hn'")) or math.huge -- "unlimited"
    if limit < COUNT + 100 then pending(("no more than %d descriptors are permitted here"):format(limit)) end
    local output, fine = helper.run(([[env SERVER=spec/support/idle_server.lua TEMPERS='--idle n=%d,spoken=1' \
      spec/support/storm.sh 127.0.0.1:0]]):format(COUNT), 60)
    assert.is_true(fine, output)
    helper.figure("%s; %s", output:match "%d+ connections, [^\n]*", output:match "longest turn while draining [^\n]*")
    assert.is_truthy(output:find(("connected=%d served=%d"):format(COUNT, COUNT), 1, true), output)
    assert.is_truthy(output:find("lost=0 ", 1, true), output)
    assert.is_truthy(output:find(("eof=%d"):format(COUNT), 1, true), output)
    assert.is_truthy(output:find(("%d closed idle"):format(COUNT), 1, true), output)
    helper.stopping.assert_says_clean(output)
    local each = tonumber(output:match "(%d+) bytes each")
    assert.is_true(each < 2500 or helper.is_slow, output) -- a sanitizer's allocator takes more
    local longest = tonumber(output:match "longest turn while draining ([%d.]+) ms")
    assert.is_true(longest < helper.seconds(500), output)
  end)
end)
