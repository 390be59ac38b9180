--- Found by the fuzz target of the option tables.
local lastcall = require "lastcall"

describe("an option that is", function()
  it("a time beyond what an int holds is taken as the longest", function()
    for _, seconds in ipairs { 2 ^ 31, 1e18, 1e300, math.huge } do
      local server = assert(lastcall.listen("127.0.0.1:0", { defer_accept = seconds }))
      server:close()
    end
    lastcall.run(function() end, { signals = false, log = function() end })
  end)

  it("more than the kernel takes is refused by name, not by an errno", function()
    for name, value in pairs { idle = 32768, interval = math.huge } do
      local fine, message = pcall(lastcall.listen, "127.0.0.1:0", { keepalive = { [name] = value } })
      assert.is_false(fine)
      assert.matches("option '" .. name .. "' is seconds, from 1 to 32767", message, 1, true)
    end
  end)

  it("unknown to a hook is refused at the line that called", function()
    local function register() local cancel = lastcall.on_shutdown("x", print, { time = 1 }) return cancel end
    local function name() local cancel = lastcall.before_shutdown(1, print) return cancel end
    for _, wrong in ipairs { register, name } do
      local fine, message = pcall(wrong)
      assert.is_false(fine)
      assert.matches("^%S*options_out_of_bounds_spec%.lua:%d+: ", message)
    end
  end)
end)
