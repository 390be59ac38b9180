local helper = require "spec.helper"

-- Whole programs, each in the manner of a kind of LuaSocket's users, that print the same on LuaSocket itself, on
-- lastcall.socket, and run by the program lastcall.

local FOLDER = "spec/support/programs/alike/"

local WAYS = {
  { name = "with lastcall.socket in its place", command = [[lua5.4 -e 'require("lastcall.socket").install()' ]] },
  { name = "run by lastcall", command = "lua5.4 bin/lastcall " },
}

--- What it prints on stdout, and whether it ended well.
local function output_of(command)
  local pipe = assert(io.popen(("%stimeout %d %s 2>/dev/null"):format(
    helper.environment, math.ceil(helper.seconds(30)), command)))
  local output = pipe:read("a")
  return { output = output, fine = pipe:close() == true }
end

describe("a program written for LuaSocket", function()
  for _, program in ipairs { "broker", "frames", "debugger", "finalizers" } do
    for _, way in ipairs(WAYS) do
      it(("(%s) prints the same %s"):format(program, way.name), function()
        if not package.searchpath("socket", package.path) then
          return pending("LuaSocket is not installed (lua-socket)")
        end
        local path = FOLDER .. program .. ".lua"
        local theirs = output_of("lua5.4 " .. path)
        assert.is_true(theirs.fine, theirs.output)
        assert.same(theirs, output_of(way.command .. path))
      end)
    end
  end
end)
