local helper = require "spec.helper"

--- The rows of spec/lab/reloads.sh by name and place: {connects =, lost =, refused =, requests =}.
local function rows(arguments, seconds)
  local output, fine = helper.run("spec/lab/reloads.sh " .. arguments, seconds)
  assert.is_true(fine, output)
  local list = {}
  for name, figures in output:gmatch "([^\n]-)  +(%d+ [ %d]+) [-%d.]+[^\n]*" do
    local numbers = {}
    for number in figures:gmatch "%d+" do numbers[#numbers + 1] = math.tointeger(number) end
    list[(name:gsub("  +", ", "))] = { connects = numbers[2], lost = numbers[3], refused = numbers[4],
      requests = numbers[6] }
  end
  return list, output
end

describe("the lab's reloads", function()
  it("count what becomes of new clients and of those that keep their connections", function()
    local seen, output = rows("1 lab=no rivals=0 rate=100 keepalive=4 stretch=0.1 only='once, TCP, loopback'", 60)
    local one = assert(seen["lastcall, all at once, TCP, loopback"], output)
    assert.is_true(one.connects > 0 and one.requests > 0, output)
    assert.same({ 0, 0 }, { one.lost, one.refused }, output)
  end)

  it("have other servers beside them, at a distance too", function()
    if not helper.long then return pending("at full length only (make check)") end
    local output, fine = helper.run("spec/lab/reloads.sh 12 rivals=2", 400)
    assert.is_true(fine, output)
    for _, name in ipairs { "nginx %-s reload", "Go, tableflip's method", "node, cluster" } do
      assert.is_truthy(output:find("\n" .. name .. " +TCP, loopback "), output)
    end
  end)
end)
