-- scripts/test: alone
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local process = require "spec.support.process"

-- What is counted begins with the request for /begin. `starved` is how long the thread has waited for a processor.
local SERVER = [[
local lastcall, http, core = require "lastcall", require "lastcall.http", require "lastcall.core"
local helper = require "spec.helper"
local long, starved, files = {}, 0, http.files("%s")
lastcall.run(function()
  local server = lastcall.assert(lastcall.listen "127.0.0.1:0")
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request, response)
    if request.path ~= "/begin" then return files(request, response) end
    core.loop_stats(true)
    long, starved = {}, helper.starved()
    return 204
  end))
end, { drain = 1, max_block = %g, log = function(_, event, fields)
  if event == "loop blocked" and fields.seconds then long[#long + 1] = ("%%.1f"):format(fields.seconds * 1000) end
end })
print(("long=%%d starved=%%.2f longest turn %%.1f ms, above the bound: %%s"):format(#long, helper.starved() - starved,
  core.loop_stats().longest_turn * 1000, table.concat(long, " ")))
]]

local READERS, PIECE = 100, 65536

--- Megabytes of memory that the process has.
local function memory(program)
  local children = helper.read_file(("/proc/%d/task/%d/children"):format(program.pid, program.pid))
  return tonumber(helper.read_file(("/proc/%s/status"):format(children:match "%d+")):match "VmRSS:%s+(%d+)") / 1024
end

--- So many clients read the file for so many seconds, one piece each 20 ms: megabytes in all, and the most memory.
local function read_slowly(lastcall, program, address, target, seconds)
  local total, most, tasks = 0, 0, {}
  local ctx <close> = lastcall.context.with_timeout(nil, seconds)
  for i = 1, READERS do
    tasks[i] = ctx:go(function()
      local conn = assert(lastcall.connect(address))
      conn:write(("GET %s HTTP/1.1\r\nHost: here\r\nRange: bytes=%d-\r\n\r\n"):format(target, i * 1000000))
      repeat
        local piece = conn:read_some(PIECE)
        total = total + #(piece or "")
      until not piece or not lastcall.sleep(0.02)
      conn:abort()
    end)
  end
  while not ctx:done() do
    most = math.max(most, memory(program))
    lastcall.sleep(0.1)
  end
  for _, task in ipairs(tasks) do task:wait() end
  return total / 1e6, most
end

local function drop_from_cache(path)
  assert(os.execute(("dd of=%s oflag=nocache conv=notrunc count=0 status=none"):format(path)))
end

--- What the machine itself takes: the longest time, in milliseconds, of one read among those of a whole file, by a
-- program that does nothing else.
local function longest_read(lastcall, path)
  local file <close> = assert(io.open(path))
  file:setvbuf "no"
  local longest = 0
  repeat
    local began = lastcall.now()
    local piece = file:read(2 * PIECE)
    longest = math.max(longest, (lastcall.now() - began) * 1000)
  until not piece
  return longest
end

describe("a large file for a hundred slow readers", function()
  it("takes no memory, and no long turn, also from a cold disk", function()
    if not helper.long then return pending("at full length only (make check)") end
    local folder = helper.socket_path()
    assert(os.execute(([[mkdir %s && cd %s && truncate -s 1G sparse &&
      dd if=/dev/urandom of=disk bs=1M count=256 status=none && sync disk]]):format(folder, folder)))
    local program = process.script(SERVER:format(folder, helper.seconds(0.01)))
    local address = program:address()
    helper.task(function(lastcall)
      read_slowly(lastcall, program, address, "/sparse", 1) -- the kernel makes room for so many descriptors
      local conn = assert(lastcall.connect(address))
      assert.equal(204, client.ask(conn, "GET", "/begin").status)
      conn:close()
      local before = memory(program)
      for _, name in ipairs { "sparse", "disk" } do
        drop_from_cache(folder .. "/" .. name)
        local megabytes, most = read_slowly(lastcall, program, address, "/" .. name, 5)
        helper.figure("%s: %.0f MB read, memory %.1f MiB, then %.1f", name, megabytes, before, most)
        assert.is_true(megabytes > 100)
        assert.is_true(most - before < 8, most)
      end
    end, { drain = 10 })
    local output = program:drain()
    helper.figure("%s", (output:gsub("\n$", "")))
    drop_from_cache(folder .. "/sparse")
    helper.figure("the machine alone: one cold read of 128 KiB took %.1f ms at most",
      longest_read(require "lastcall", folder .. "/sparse"))
    os.execute("rm -rf " .. folder)
    local long, starved = output:match "^long=(%d+) starved=([%d.]+)"
    -- A busy disk takes longer for a piece at times, and a busy machine interrupts a turn for other programs.
    assert.is_true(tonumber(long) <= 3 or tonumber(starved) > 0.05, output)
  end)
end)
