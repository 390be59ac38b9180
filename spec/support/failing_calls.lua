--- Every call of the kernel fails, at every point of a life (spec/faults/), in every way that is likely.
--
-- Each life is lived once to count its calls, then once for each call with that one failing. LASTCALL_FAULTS=all
-- (`make faults`) has all of them; otherwise one for each way of failing.

local faults = require "spec_faults"
local helper = require "spec.helper"
local assert = require "luassert"

local failing = { runs = 0 }

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
  recvmsg = { "EINTR", "ENOMEM", "ENOBUFS", "ECONNRESET", "EIO" },
  shutdown = { "ENOTCONN", "EIO" },
  close = { "EINTR", "EIO" },
  unread = { "EIO" },
  unacked = { "EIO" },
  poller_control = { "ENOMEM", "ENOSPC", "EINTR" },
  poller_wait = { "EINTR" },
  wake_clear = { "EAGAIN" },
  duplicate = { "EMFILE" },
  forget_variable = { "EINVAL" },
  file_identity = { "EACCES", "EIO" },
  unlink = { "EACCES", "EIO" },
  chmod = { "EPERM", "EIO" },
  rename = { "EACCES", "ENOSPC" },
  make_directory = { "EACCES" },
  directory_names = { "EACCES", "ENOBUFS" },
  real_path = { "ENOENT" },
  lock_directory = { "EACCES", "EAGAIN", "EINTR" },
  open_file = { "EMFILE", "ENOENT", "EIO", "EINTR", "ENOSYS" },
  file_facts = { "EIO" },
  read_at = { "EIO", "EINTR" },
  send_file = { "EINVAL", "EIO", "EINTR", "ENOMEM", "EPIPE" },
  resolve = { "EAGAIN", "ENOMEM" },
  socketpair = { "EMFILE", "ENFILE" },
  pipe = { "EMFILE", "ENFILE" },
  spawn = { "EAGAIN", "ENOMEM" },
  process_watch = { "EMFILE", "ENOSYS" },
  process_signal = { "EPERM" },
  processors = { "EINVAL" },
  process_pin = { "EINVAL", "EPERM", "ESRCH" },
  open_again = { "EMFILE", "EACCES" },
  read = { "EINTR", "EIO", "ENOMEM" },
  write = { "EINTR", "ENOMEM", "EPIPE", "EIO" },
}

local all = os.getenv "LASTCALL_FAULTS" == "all"
local SPEED = math.max(1, 20 // helper.seconds(1))

--- Lives the life `name`. `first` is text that runs when bad luck may begin, `before` at the start.
function failing.live(name, first, before, refuse)
  return faults.run(([[
    package.path = "./?.lua;" .. package.path
    local faults = require "spec_faults"
    faults.speed(%d)
    function faults.begin() faults.arm() %s end
    %s
    dofile "spec/faults/%s.lua"
  ]]):format(SPEED, first or "", before or "", name), refuse)
end

function failing.check(result, what)
  assert.is_true(result.ok, ("%s: %s"):format(what, result.message))
  assert.equal(0, result.open, what .. ": descriptors left")
  assert.equal(0, result.strange, what .. ": closed what was not open")
end

--- Which of `count` points: all of them, or one here and one there.
function failing.points(count, salt)
  if not all and count > 0 then return { 1 + salt % count } end
  local list = {}
  for n = 1, count do list[n] = n end
  return list
end

--- Lives the life as often as it takes. `before` is text that runs at the start of each.
function failing.calls(name, before)
  local whole = failing.live(name, nil, before)
  failing.check(whole, name)
  for _, call in ipairs(faults.calls) do
    for _, way in ipairs(WAYS[call] or {}) do
      for _, n in ipairs(failing.points(whole.made[call], failing.runs * 7)) do
        local what = ("%s: %s number %d gives %s"):format(name, call, n, way)
        failing.check(failing.live(name, ('faults.fail("%s", %d, 1, "%s")'):format(call, n, way), before), what)
        failing.runs = failing.runs + 1
      end
    end
  end
end

return failing
