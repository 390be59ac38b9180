--- select: waits for the first of several channels and contexts.

local channel = require "lastcall.tasks.channel"
local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local queue = require "lastcall.tasks.queue"

local check_seconds = require "lastcall.options".check_seconds
local is_context = core.context.is

--- The kind of an entry: "receive", "send", "context", or false for an entry that select ignores.
local function kind_of(entry, index)
  if entry == false then return false end
  if channel.is(entry) then return "receive" end
  if is_context(entry) then return "context" end
  if type(entry) == "table" and channel.is(entry[1]) then
    channel.check_value(entry[2], ("select: entry %d"):format(index))
    return "send"
  end
  misuse.raise("select: entry %d is a %s; it can be a channel (to receive), {channel, value} (to send), a context, "
    .. "or false", index, type(entry))
end

local function check(cases)
  if type(cases) ~= "table" then
    misuse.raise("select: takes a table of channels and contexts, not a %s", type(cases))
  end
  for name in pairs(cases) do
    if math.type(name) ~= "integer" and name ~= "timeout" then
      misuse.raise("select: unknown option '%s'; did you mean 'timeout'?", tostring(name))
    end
  end
  check_seconds("select", cases.timeout)
  local kinds, live, sends = {}, false, false
  for i = 1, #cases do
    kinds[i] = kind_of(cases[i], i)
    live = live or kinds[i] ~= false
    sends = sends or kinds[i] == "send"
  end
  if not live and not cases.timeout then misuse.raise("select: nothing to wait for, and no timeout") end
  return kinds, sends
end

--- Returns the index and the result of the first entry that is ready now.
local function try(cases, kinds)
  for i, kind in ipairs(kinds) do
    local entry = cases[i]
    local done, value
    if kind == "receive" then
      done, value = channel.try_receive(entry)
    elseif kind == "send" then
      done, value = channel.try_send(entry[1], entry[2])
      if done then value = nil end
    elseif kind == "context" and entry:done() then
      done, value = false, entry:err()
    end
    if done then return i, value end
    if done == false then return i, nil, value end
  end
end

--- Puts the same spot into every queue. Returns the entries and functions that take it out again.
local function enter(cases, kinds, spot)
  local places, stops = {}, {}
  for i, kind in ipairs(kinds) do
    local entry = cases[i]
    if kind == "receive" then
      places[#places + 1] = entry.receivers:append { spot = spot, index = i }
    elseif kind == "send" then
      places[#places + 1] = entry[1].senders:append { spot = spot, index = i, value = entry[2] }
    elseif kind == "context" then
      stops[#stops + 1] = entry:on_done(function() spot:wake(i) end)
    end
  end
  return places, stops
end

local function leave(places, stops)
  for _, place in ipairs(places) do queue.remove(place) end
  for _, stop in ipairs(stops) do stop() end
end

--- The result of the entry that woke the task.
local function result(cases, kinds, index, value)
  if kinds[index] == "context" then return index, nil, cases[index]:err() end
  return index, value
end

--- Returns the index of the first entry that is ready, and the value received. A closed channel is ready: index, nil,
-- "closed"; so is an ended context: index, nil, its err(). nil, "timeout" after `timeout` seconds; nil, "canceled".
-- If several are ready, it takes the first in the list. In a context that has ended it receives nothing.
local function select(cases)
  local kinds, sends = check(cases)
  local ready, value, code = try(cases, kinds)
  if ready then return ready, value, code end
  core.expect_task("select") -- otherwise the error would leave our functions in the contexts
  local spot = core.spot()
  local places, stops = enter(cases, kinds, spot)
  local index, second, message = spot:wait("select", cases.timeout, not sends)
  leave(places, stops)
  if index == false then -- some channel was closed: another look finds which
    index, second, message = try(cases, kinds)
    if index then return index, second, message end
    return core.spot():wait("select", 0) -- its context has ended since
  end
  if not index then return nil, second, message end
  return result(cases, kinds, index, second)
end

return { select = select }
