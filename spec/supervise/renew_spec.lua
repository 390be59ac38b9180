local helper = require "spec.helper"
local process = require "spec.support.process"
local supervised = require "spec.support.supervised"

local MASTER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  local service = lastcall.assert(lastcall.supervise { script = "spec/support/line_server.lua", workers = 2,
    command = { "sh", "-c", 'exec lua5.4 "$0" "$@" >/dev/null' }, args = { %q, "10" }, probation = %g, drain = 10 })
  local words = {}
  for i, one in ipairs(service:status()) do words[i] = one.pid .. ":" .. one.generation end
  table.sort(words)
  print("workers " .. table.concat(words, " "))
  io.stdout:flush()
  print(service:wait())
end, { signals = false })
]]

--- Waits for a line with these words.
local function wait_for(master, words)
  local said = {}
  for line in master.pipe:lines() do
    if line:find(words, 1, true) then return line end
    said[#said + 1] = line
  end
  error(("it never said %q:\n%s"):format(words, table.concat(said, "\n")), 2)
end

describe("SIGUSR2", function()
  local kinds = { TCP = supervised.address }
  if helper.long then
    kinds["a unix-domain path"] = function() local path = os.tmpname() os.remove(path) return "unix:" .. path end
  end
  for kind, make in pairs(kinds) do
    it("replaces the master in a storm over " .. kind .. ", and its workers serve on", function()
      local address = make()
      local script = helper.write_file(MASTER:format(address, 0))
      local master = process.start("lua5.4 " .. script)
      local workers = wait_for(master, "workers ")
      local pid = master:program()
      helper.task(function(lastcall)
        local output, fine
        local storm = lastcall.go(function()
          output, fine = helper.run_beside(lastcall, ("%s --name-lost %s --storm rate=300,seconds=10,until_refused=300")
            :format(helper.program "clients", address))
        end)
        for _ = 1, 2 do
          lastcall.sleep(0.3)
          master:signal "USR2"
          assert.equal(workers, wait_for(master, "workers "))
          assert.equal(pid, master:program())
        end
        master:signal "HUP"
        wait_for(master, "reload done")
        master:signal "TERM"
        storm:wait()
        assert.is_true(fine, output)
        assert.is_truthy(output:find(" lost=0 truncated=0 ", 1, true), output)
      end)
      local said, fine = master:finish()
      assert.is_true(fine, said)
      assert.is_truthy(said:find("service ok, 4 workers, clean", 1, true), said)
      os.remove(script)
      assert.is_false(helper.exists(address:match "^unix:(.*)" or "/nonexistent"))
    end)
  end

  it("changes nothing when the new program does not load", function()
    local address = supervised.address()
    local script = helper.write_file(MASTER:format(address, 0))
    local master = process.start("lua5.4 " .. script)
    local workers = wait_for(master, "workers ")
    supervised.replace(script, "local =")
    master:signal "USR2"
    assert.is_truthy(wait_for(master, "renew failed"):find("cannot be loaded", 1, true))
    supervised.replace(script, MASTER:format(address, 0))
    master:signal "USR2"
    assert.equal(workers, wait_for(master, "workers "))
    local said = master:drain()
    assert.is_truthy(said:find("service ok, 2 workers, clean", 1, true), said)
    os.remove(script)
  end)
end)

describe("signals that come together", function()
  --- Starts a service whose reloads take a third of a second at least; waits until it serves.
  local function start()
    local script = helper.write_file(MASTER:format(supervised.address(), 0.3))
    local master = process.start("lua5.4 " .. script)
    master.path = script
    return master, wait_for(master, "workers ")
  end

  local function count(text, words) return select(2, text:gsub(words, "")) end

  it("fifty SIGHUPs are two reloads, or three, and one behind SIGTERM is none", function()
    local master = start()
    local pid = master:program()
    master:signal "HUP"
    repeat -- those that come together with the first would be one reload with it
      os.execute "sleep 0.01"
      local children = helper.read_file(("/proc/%s/task/%s/children"):format(pid, pid))
    until count(children, "%d+") > 2
    for _ = 1, 7 do os.execute((("kill -HUP %s; "):format(pid)):rep(7)) end
    wait_for(master, "reload done")
    wait_for(master, "reload done")
    master:signal "TERM"
    master:signal "HUP"
    local said, fine = master:finish()
    assert.is_true(fine, said)
    assert.is_true(count(said, "reload done") <= 1, said)
    assert.is_truthy(said:find("service ok, %d workers, clean"), said)
  end)

  it("SIGUSR2 during a reload comes behind it; SIGTERM during both ends all", function()
    local master, workers = start()
    master:signal "HUP"
    master:signal "USR2"
    wait_for(master, "reload done")
    local now = wait_for(master, "workers ")
    assert.are_not.equal(workers, now)
    assert.equal(2, count(now, ":2"), now)
    master:signal "HUP"
    master:signal "USR2"
    master:signal "TERM"
    local said, fine = master:finish()
    assert.is_true(fine, said)
    assert.is_truthy(said:find("service ok, %d workers, clean"), said)
  end)
end)
