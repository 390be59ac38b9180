-- scripts/test: early
--- Every call of the kernel fails, at every point of several lives, in every way that is likely.
--
-- Each life is lived once to count its calls, then once for each call with that one failing. LASTCALL_FAULTS=all
-- (`make faults`) has all of them; otherwise one for each way of failing.
local faults = require "spec_faults"
local helper = require "spec.helper"

local LIVES = { "echo", "linger", "unix", "names", "sockets" }

local WAYS = {
  random = { "EIO" },
  socket = { "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM" },
  bind = { "EADDRINUSE", "EACCES" },
  listen = { "EADDRINUSE" },
  accept = { "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EINTR", "EPERM" },
  connect = { "EACCES", "EINTR", "EAGAIN", "ENOBUFS" },
  getsockname = { "ENOBUFS" },
  getpeername = { "ENOTCONN", "ENOBUFS" },
  setsockopt = { "ENOBUFS", "ENOMEM", "EINTR", "EPERM" },
  getsockopt = { "ENOBUFS" },
  recv = { "EINTR", "ENOMEM", "ENOBUFS", "ECONNRESET", "EIO" },
  sendmsg = { "EINTR", "ENOMEM", "ENOBUFS", "EPIPE", "ECONNRESET", "EIO" },
  shutdown = { "ENOTCONN", "EIO" },
  close = { "EINTR", "EIO" },
  unread = { "EIO" },
  unacked = { "EIO" },
  poller_control = { "ENOMEM", "ENOSPC", "EINTR" },
  poller_wait = { "EINTR" },
  wake_clear = { "EAGAIN" },
  file_identity = { "EACCES", "EIO" },
  unlink = { "EACCES", "EIO" },
  chmod = { "EPERM", "EIO" },
  rename = { "EACCES", "ENOSPC" },
  lock_directory = { "EACCES", "EAGAIN", "EINTR" },
  resolve = { "EAGAIN", "ENOMEM" },
}

local all = os.getenv "LASTCALL_FAULTS" == "all"
local SPEED = math.max(1, 20 // helper.seconds(1))

local function live(name, first)
  return faults.run(([[
    package.path = "./?.lua;" .. package.path
    local faults = require "spec_faults"
    faults.speed(%d)
    function faults.begin() faults.arm() %s end
    dofile "spec/faults/%s.lua"
  ]]):format(SPEED, first or "", name))
end

local function check(result, what)
  assert.is_true(result.ok, ("%s: %s"):format(what, result.message))
  assert.equal(0, result.open, what .. ": descriptors left")
  assert.equal(0, result.strange, what .. ": closed what was not open")
end

--- Which of `count` points: all of them, or one here and one there.
local function points(count, salt)
  if not all and count > 0 then return { 1 + salt % count } end
  local list = {}
  for n = 1, count do list[n] = n end
  return list
end

local runs = 0

describe("whatever call fails,", function()
  for _, name in ipairs(LIVES) do
    it(("the life '%s' ends, leaves nothing, and says why what went wrong did"):format(name), function()
      local whole = live(name)
      check(whole, name)
      for _, call in ipairs(faults.calls) do
        for _, way in ipairs(WAYS[call] or {}) do
          for _, n in ipairs(points(whole.made[call], runs * 7)) do
            local what = ("%s: %s number %d gives %s"):format(name, call, n, way)
            check(live(name, ('faults.fail("%s", %d, 1, "%s")'):format(call, n, way)), what)
            runs = runs + 1
          end
        end
      end
    end)
  end

  it("there were such calls", function()
    helper.figure("%d lives with a failing call", runs)
    assert.is_true(runs > 100)
  end)
end)
