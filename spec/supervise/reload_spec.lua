local helper = require "spec.helper"
local supervised = require "spec.support.supervised"

local RELOADS = helper.long and 50 or 10 -- in as long as one spec may take

-- %s: the address
local SPEAKER = [[
local lastcall = require "lastcall"
lastcall.run(function()
  assert(lastcall.listen "%s"):serve(function(conn)
    for line in conn:lines() do
      conn:write(line == "stay" and "staying" or line, " ", lastcall.worker().generation, "\n")
      if line == "stay" then conn:flush() lastcall.sleep(60) end
    end
  end)
end, { log = function() end })
]]

local ONE = [[
local lastcall = require "lastcall"
local function echo(conn)
  for line in conn:lines() do conn:write(line:sub(6), "\n") end
end
lastcall.run(function()
  assert(lastcall.listen "%s"):serve(echo)
end, { log = function() end })
]]

local TWO = [[
local lastcall = require "lastcall"
local function echo(conn)
  for line in conn:lines() do conn:write(line:sub(6), "\n") end
end
lastcall.run(function()
  local one, other = assert(lastcall.listen "%s"), assert(lastcall.listen "%s")
  lastcall.spawn(function() one:serve(echo) end)
  other:serve(echo)
end, { log = function() end })
]]

--- The generations of the workers, when there are so many.
local function generations(lastcall, service, count)
  supervised.wait_until(lastcall, function() return #service:status() == count end)
  local list = {}
  for i, one in ipairs(service:status()) do list[i] = one.generation end
  table.sort(list)
  return list
end

--- Reloads in the middle of a storm of clients, of whom none may be lost or refused.
local function in_a_storm(address, reloads, more)
  local options = { command = supervised.QUIETLY, script = "spec/support/line_server.lua", args = { address, "10" } }
  for name, value in pairs(more or {}) do options[name] = value end
  supervised.run(options, function(lastcall, service)
    local output, fine
    local storm = lastcall.go(function()
      output, fine = helper.run_beside(lastcall, ("%s --name-lost %s --storm rate=200,seconds=%d"):format(
        helper.program "clients", address, reloads // 5 + 1))
    end)
    for i = 1, reloads do
      assert.same({ true }, { service:reload() })
      assert.equal(i + 1, supervised.generation(service))
    end
    storm:wait()
    assert.is_true(fine, output)
    assert.is_truthy(output:find(" refused=0 lost=0 truncated=0 ", 1, true), output)
  end)
end

describe("a reload", function()
  it("replaces all workers in a storm over TCP, and nobody is lost or refused", function()
    in_a_storm(supervised.address(), RELOADS)
  end)

  it("does so at a unix-domain path, which stays the same file until the end", function()
    local path = os.tmpname()
    os.remove(path)
    in_a_storm("unix:" .. path, RELOADS // 3)
    assert.is_false(helper.exists(path))
  end)

  it("replaces one worker after the other, with way = 'rolling'", function()
    in_a_storm(supervised.address(), RELOADS // 3, { way = "rolling", workers = 3 })
  end)

  it("that rolls stops at the first worker that fails, and those replaced stay", function()
    local address = supervised.address()
    local sound = SPEAKER:format(address)
    local path = supervised.script(sound)
    supervised.run({ script = path, workers = 3, way = "rolling" }, function(lastcall, service)
      supervised.replace(path, "if require 'lastcall'.worker().index == 3 then error 'three is too many' end " .. sound)
      local fine, reason = service:reload()
      assert.is_nil(fine)
      assert.is_truthy(reason:find("^2 of 3 replaced: worker 3 has ended with status 1 .*three is too many"), reason)
      assert.same({ 1, 2, 2 }, generations(lastcall, service, 3))
      supervised.replace(path, "error 'none at all'")
      fine, reason = service:reload()
      assert.is_nil(fine)
      assert.is_truthy(reason:find("^worker 1 has ended"), reason)
      assert.same({ 1, 2, 2 }, generations(lastcall, service, 3))
    end)
  end)

  it("during a reload comes behind it, and fifty of them are one", function()
    local address = supervised.address()
    local path = supervised.script(SPEAKER:format(address))
    supervised.run({ script = path }, function(lastcall, service)
      local group = lastcall.group()
      group:go(function() assert.same({ true }, { service:reload() }) end)
      lastcall.sleep(0.01)
      for _ = 1, 50 do group:go(function() assert.same({ true }, { service:reload() }) end) end
      assert(group:wait())
      assert.equal(3, supervised.generation(service))
    end)
  end)

  it("waits for the oldest generation while two are alive, and that is cut at its deadline", function()
    local address = supervised.address()
    local path = supervised.script(SPEAKER:format(address))
    supervised.run({ script = path, workers = 1, drain = 1 }, function(lastcall, service)
      local conn = helper.ask(address, "stay")
      assert.equal("staying 1", conn:read())
      assert.same({ true }, { service:reload() })
      local began = lastcall.now()
      assert.same({ true }, { service:reload() })
      assert.is_true(lastcall.now() - began > 0.5)
      assert.equal("hello 3", supervised.ask(lastcall, address, "hello"))
      conn:close(0)
    end)
  end)

  it("lets go of an address that the new script does not ask for, and loses none of its clients", function()
    for _, unix in ipairs { true, helper.long and false } do
      local first, second = supervised.address(), unix and "unix:" .. os.tmpname() or supervised.address()
      if unix then os.remove(second:sub(6)) end
      local path = supervised.script(TWO:format(first, second))
      supervised.run({ script = path }, function(lastcall, service)
        local output, fine
        local storm = lastcall.go(function()
          output, fine = helper.run_beside(lastcall, ("%s --name-lost %s --storm rate=200,seconds=10,until_refused=200")
            :format(helper.program "clients", second))
        end)
        lastcall.sleep(0.3)
        supervised.replace(path, ONE:format(first))
        assert.same({ true }, { service:reload() })
        storm:wait()
        assert.is_true(fine, output)
        assert.is_truthy(output:find(" lost=0 truncated=0 ", 1, true), output)
        assert.equal("bye", supervised.ask(lastcall, first, "echo bye"))
        assert.is_nil(io.open(unix and second:sub(6) or "/nonexistent"))
        supervised.replace(path, TWO:format(first, second)) -- and takes it up again
        supervised.wait_until(lastcall, function() return #service:status() == 2 end)
        assert.same({ true }, { service:reload() })
        assert.equal("bye", supervised.ask(lastcall, second, "echo bye"))
      end)
    end
  end)

  it("leaves a unix-domain path alone that another server has taken over", function()
    local path = os.tmpname()
    os.remove(path)
    local stranger
    supervised.run({ script = supervised.script(SPEAKER:format("unix:" .. path)) }, function(lastcall, service)
      os.remove(path)
      stranger = assert(lastcall.listen("unix:" .. path .. "x"))
      assert(os.rename(path .. "x", path))
      service:stop()
      service:wait()
      assert.is_true(os.rename(path, path))
      stranger:close()
    end)
    os.remove(path)
  end)

  it("leaves nothing behind: descriptors, processes and memory are as before", function()
    local address = supervised.address()
    local path = supervised.script(SPEAKER:format(address))
    supervised.run({ script = path, workers = 1 }, function(lastcall, service)
      local function figures()
        supervised.wait_until(lastcall, function() return #service:status() == 1 end)
        lastcall.sleep(0.05)
        collectgarbage()
        collectgarbage()
        local count, listing = helper.descriptors()
        return count, listing, collectgarbage "count"
      end
      for _ = 1, 3 do assert.same({ true }, { service:reload() }) end
      local before, _, kibibytes = figures()
      for _ = 1, helper.long and 200 or 5 do assert.same({ true }, { service:reload() }) end
      local after, listing, more = figures()
      assert.equal(before, after, listing)
      assert.is_true(more - kibibytes < 64, more - kibibytes)
    end)
  end)
end)
