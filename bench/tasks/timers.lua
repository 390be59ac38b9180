-- Processor time of a timer among N: a task that sleeps, from its start to its end. Usage: lua timers.lua N

local lastcall = require "lastcall"

local n = assert(tonumber(arg[1]), "usage: lua timers.lua N")

lastcall.run(function()
  local done = lastcall.waitgroup()
  done:add(n)
  local began = os.clock()
  for _ = 1, n do
    lastcall.go(function()
      lastcall.sleep(0.1 + math.random())
      done:done()
    end)
  end
  done:wait()
  print(("timer_cpu=%.3f"):format((os.clock() - began) / n * 1e6))
end, { signals = false })
