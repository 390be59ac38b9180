--- Found by the fuzz target of the API: what lastcall.socket's dns had been answered was never freed when the task
-- was killed between the answer and its next turn.
local helper = require "spec.helper"

local function resident()
  local file = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("n", "n")
  file:close()
  return pages * 4096
end

describe("a task that is killed", function()
  it("with the answer of a look-up in its hands leaves no memory behind", function()
    if helper.is_slow then pending "a sanitizer keeps what was freed, and memory is what is measured here" end
    local lastcall = require "lastcall"
    local dns = require "lastcall.socket".dns
    local function life()
      lastcall.run(function()
        local path = "unix:" .. helper.socket_path()
        local server = assert(lastcall.listen(path))
        local begun = 0
        lastcall.spawn(function()
          server:serve(function()
            begun = begun + 1
            dns.toip("localhost")
          end)
        end)
        for _ = 1, 8 do assert(lastcall.connect(path)) end
        while begun < 8 do lastcall.sleep(0) end
        local until_ = lastcall.now() + 0.002
        while lastcall.now() < until_ do end -- the answers come meanwhile
        server:close()
      end, { signals = false, log = function() end, on_error = function() end, max_block = false })
      collectgarbage()
      collectgarbage()
    end
    for _ = 1, 10 do life() end
    local before = resident()
    for _ = 1, 50 do life() end
    assert.is_true(resident() - before < 2 ^ 20, "more than 1 MiB was left")
  end)
end)
