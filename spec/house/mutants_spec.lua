-- scripts/mutants, with a simulation that is none.
local helper = require "spec.helper"

-- Does what the mutant says that it has put into core/mutant.
local SIM = [[
#!/bin/sh
deed=$(cat core/mutant 2>/dev/null)
hang() { trap "$1; exit 134" ABRT; while :; do sleep 0.01; done; }
case $deed in
  fails) echo "seed 3, the 3. schedule: it is broken"; exit 1 ;;
  crashes) echo "seed 4, the 4. schedule: a crash, Aborted"; kill -ABRT $$ ;;
  *hangs) hang 'echo "seed 7, the 7. schedule: a crash, Aborted"' ;;
  shrinks) echo "seed 9, the 9. schedule: it takes long to make it smaller"; hang : ;;
esac
]]

local MAKE = [[
#!/bin/sh
mkdir -p build && cp "$(dirname "$0")/sim" build/sim
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- A mutant that says it does this. `head`: what its file begins with, besides.
local function write_mutant(folder, deed, head)
  write(("%s/%s.patch"):format(folder, deed), ([[
A bug that, as it were, %s.
%s
--- /dev/null
+++ b/core/mutant
@@ -0,0 +1 @@
+%s
]]):format(deed, head, deed))
end

describe("scripts/mutants", function()
  it("tells what a schedule has found from what hangs", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute(("mkdir -p %s/mutants"):format(folder))
    write(folder .. "/sim", SIM)
    write(folder .. "/make", MAKE)
    os.execute(("chmod +x %s/make %s/sim"):format(folder, folder))
    for _, deed in ipairs { "fails", "crashes", "hangs", "shrinks", "works" } do
      write_mutant(folder .. "/mutants", deed, "")
    end
    write_mutant(folder .. "/mutants", "knowingly-hangs", "Hangs.")
    -- git takes a path inside of the tree only
    local command = ("env PATH=%s:$PATH FOLDER=%s TIME=1 scripts/mutants"):format(folder,
      ("../"):rep(20) .. folder:sub(2) .. "/mutants")
    local output, fine = helper.run(command)
    assert.is_false(fine)
    for _, line in ipairs {
      "ok   fails +3  it is broken", "ok   crashes +4  a crash, Aborted", "ok   shrinks +9  it takes long",
      "ok   knowingly%-hangs +7  hangs: 1 s were over",
      "FAIL hangs +7  hangs: 1 s were over, without a violation: A bug",
      "FAIL works +not found by 40000 schedules", "4 of 6 found, 1 of them by hanging\n",
    } do assert.matches(line, output) end
    output, fine = helper.run(command .. " fails crashes")
    assert.is_true(fine, output)
    assert.matches("\n2 of 2 found\n", output)
    os.execute("rm -r " .. folder)
  end)
end)
