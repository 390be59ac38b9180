-- scripts/check, with a make that is none.
local helper = require "spec.helper"

local MAKE = [[
#!/bin/sh
echo "1 passed, 0 failed" # a part of the step
echo "$1 runs at full length: ${LASTCALL_LONG:-no}"
case $1 in
  test) printf '%s\n' "3 passed, 1 failed, 2 skipped" "make: *** [Makefile:302: test] Error 1"; exit 2 ;;
  sim) echo "the loop spins"; exit 1 ;;
  deny) echo "5 passed, 0 failed" ;;
esac
]]

describe("scripts/check", function()
  it("counts over all steps, also those that fail", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    local file = assert(io.open(folder .. "/make", "w"))
    file:write(MAKE)
    file:close()
    os.execute(("chmod +x %s/make"):format(folder))
    local output, fine = helper.run(("env -u LASTCALL_LONG PATH=%s:$PATH scripts/check test sim deny"):format(folder))
    os.execute("rm -r " .. folder)
    assert.is_false(fine)
    for _, line in ipairs {
      "test runs at full length: 1\n", "deny runs at full length: no\n",
      "\nFAIL test +%d+ s  3 passed, 1 failed, 2 skipped\n", "\nFAIL sim ", "\nok   deny +%d+ s  5 passed, 0 failed\n",
      "\n9 passed, 2 failed, 2 skipped\n$",
    } do assert.matches(line, output) end
  end)
end)
