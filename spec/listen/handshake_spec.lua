local helper = require "spec.helper"

describe("a client whose handshake lost packets", function()
  it("is given until its system repeats the first request, long after quiet", function()
    local permitted = select(2, helper.run "unshare -rn sh -c 'ip link set lo up && nft list ruleset'")
    if not permitted then pending "nft in a network namespace is not permitted here, or not installed" end
    local output, fine = helper.run("unshare -rn spec/support/late_request.sh", 40)
    assert.is_true(fine, output)
    assert.is_truthy(output:find("the client got: at last", 1, true), output)
    assert.is_truthy(output:find("shutdown ok", 1, true), output)
    local elapsed = tonumber(output:match "shutdown ok in ([%d.]+) s")
    assert.is_true(elapsed > 1, output) -- more than quiet: it was waited for
  end)
end)
