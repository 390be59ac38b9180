-- Ten thousand tasks asleep under one context, canceled: time and memory per task. Usage: lua cancel_tasks.lua [N]
--
-- "marked" is the return of cancel: from then on every one of them is canceled, whatever it does.

local lastcall = require "lastcall"

local n = tonumber(arg[1] or 10000)

local function resident()
  local file = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("n", "n")
  file:close()
  return pages * 4096
end

lastcall.run(function()
  local ctx, cancel = lastcall.context.with_cancel()
  local done, woken = lastcall.waitgroup(), 0
  done:add(n)
  collectgarbage()
  local before, began = resident(), lastcall.now()
  for _ = 1, n do
    ctx:go(function()
      if not lastcall.sleep(3600) then woken = woken + 1 end
      done:done()
    end)
  end
  lastcall.sleep(0)
  local started = lastcall.now()
  collectgarbage()
  local memory = resident() - before
  local canceled = lastcall.now()
  cancel()
  local marked = lastcall.now()
  done:wait()
  local over = lastcall.now()
  assert(woken == n)
  print(("lastcall  %d tasks: started in %.1f ms, marked in %.2f ms, all over in %.1f ms, %d bytes each")
    :format(n, (started - began) * 1e3, (marked - canceled) * 1e3, (over - canceled) * 1e3, memory // n))
end, { signals = false })
