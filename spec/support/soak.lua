-- Tasks, contexts, timers and connections by the million, and what is left of them. Usage: lua soak.lua [N]
--
-- N (1,000,000) of each, in rounds; the memory after the first round and after the last, both collected,
-- must be the same. Prints "soak: N of each, BYTES more than after the first round" and what is left.

local core = require "lastcall.core"
local lastcall = require "lastcall"

local total = tonumber(arg[1] or 1000000)
local rounds = 10
local each = total // rounds

local function resident()
  local file = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("n", "n")
  file:close()
  return pages * 4096
end

local function collected()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count") * 1024
end

local function tasks_and_timers()
  local done = lastcall.waitgroup()
  for _ = 1, each // 100 do
    done:add(100)
    for i = 1, 100 do
      lastcall.go(function()
        lastcall.sleep(i % 2 == 0 and 0 or 0.001)
        done:done()
      end)
    end
    done:wait()
  end
end

local function contexts(parent)
  for i = 1, each do
    local ctx, cancel = lastcall.context.with_timeout(parent, 60)
    if i % 3 == 0 then
      ctx:on_done(function() end)
      cancel()
    elseif i % 3 == 1 then
      ctx:on_done(function() end)()
    end -- else it is just forgotten
    if i % 1000 == 0 then lastcall.sleep(0) end
  end
end

local function connections(address)
  local group = lastcall.group()
  for _ = 1, 50 do
    group:go(function()
      for _ = 1, each // 50 do
        local conn = assert(lastcall.connect(address, { linger = 0 }))
        assert(conn:write("x\n"))
        assert(conn:read())
        conn:close()
      end
    end)
  end
  assert(group:wait())
end

local path = os.tmpname()
os.remove(path)
local report = lastcall.run(function(ctx)
  local server = assert(lastcall.listen("unix:" .. path, { log = function() end }))
  lastcall.spawn(server.serve, server, function(conn)
    for line in conn:lines() do conn:write(line, "\n") end
  end)
  lastcall.sleep(0)
  local first, first_resident
  for round = 1, rounds do
    tasks_and_timers()
    contexts(ctx)
    connections("unix:" .. path)
    server:wait_for("==", 0)
    lastcall.sleep(0.01)
    if round == 1 then first, first_resident = collected(), resident() end
  end
  local last = collected()
  print(("soak: %d of each, %d bytes more than after the first round, %d more resident"):format(
    each * rounds, last - first, resident() - first_resident))
  lastcall.shutdown()
end, { signals = false, log = function() end })

local stats = core.loop_stats()
print(("left: %d tasks, %d connections, %d timers"):format(stats.tasks, stats.connections, stats.timers))
os.exit(report.ok)
