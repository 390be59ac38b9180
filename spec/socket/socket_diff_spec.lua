local helper = require "spec.helper"

-- The cases of spec/support/socket, done by LuaSocket itself and by lastcall.socket, outside tasks and in one.

-- What may differ, and why. `theirs` and `ours` are what a line that differs becomes the same by.
local INTENDED = {
  { reason = "a port is a number from getsockname too, as LuaSocket's manual has it, and as from getpeername",
    theirs = '"%d+" "inet', with = 'PORT "inet' },
  { reason = "the same, for port 0 and those in use",
    ours = ' %d+ "inet', with = ' PORT "inet' },
  { reason = "for servers that never answer", ours = " answered", with = "" },
}

local function run(which)
  local output, fine = helper.run("lua5.4 spec/support/socket/run.lua " .. which, 60)
  assert(fine and output:find("\nend\n$"), output)
  return output
end

--- Case by case, the lines.
local function parse(output)
  local cases, current = {}, nil
  for line in output:gmatch "[^\n]+" do
    local name = line:match "^case (.*)"
    if name then
      current = { name = name }
      cases[#cases + 1] = current
    elseif current then
      current[#current + 1] = line
    end
  end
  return cases
end

local used = {}

local function is_intended(theirs, ours)
  for i, one in ipairs(INTENDED) do
    local a = one.theirs and theirs:gsub(one.theirs, one.with) or theirs
    local b = one.ours and ours:gsub(one.ours, one.with) or ours
    if a ~= theirs or b ~= ours then
      if a == b then
        used[i] = true
        return true
      end
      theirs, ours = a, b
    end
  end
  return false
end

local function compare(theirs, ours)
  local found = {}
  assert.equal(#theirs, #ours)
  for i, case in ipairs(theirs) do
    for k = 1, math.max(#case, #ours[i]) do
      local a, b = case[k] or "(nothing)", ours[i][k] or "(nothing)"
      if a ~= b and not is_intended(a, b) then
        found[#found + 1] = ("%s\n  LuaSocket %s\n  lastcall  %s"):format(case.name, a, b)
      end
    end
  end
  return table.concat(found, "\n")
end

describe("LuaSocket's programs, call by call", function()
  local theirs
  setup(function()
    if package.searchpath("socket", package.path) then theirs = parse(run "luasocket") end
  end)

  local function differences(which)
    if not theirs then return pending("LuaSocket is not installed (lua-socket)") end
    local ours = parse(run(which))
    assert.is_true(#ours > 40)
    assert.equal("", compare(theirs, ours))
  end

  it("see no difference outside tasks that is not intended", function() differences "lastcall" end)

  it("see no difference in a task that is not intended", function() differences "task" end)

  it("have no intended difference that is none", function()
    if not theirs then return pending("LuaSocket is not installed (lua-socket)") end
    for i, one in ipairs(INTENDED) do assert.is_true(used[i], one.reason) end
  end)
end)
