--- What the status page shows: facts about the process, its servers and some of their connections, at one moment.

local census = require "lastcall.census"
local core = require "lastcall.core"
local hooks = require "lastcall.hooks"
local pause = require "lastcall.pause"
local server = require "lastcall.server"

local snapshot = {}

local SERVERS = 20 -- listed
local QUIET_STATES = { "new", "idle" } -- of connections that hold nothing

local SUMS = { "accepted", "requests", "in_flight", "finished", "closed_idle", "canceled", "late" }

--- The listed servers, and the sums of all.
local function look_at_servers(found)
  for _, name in ipairs(SUMS) do found[name] = 0 end
  for i, one in ipairs(server.all) do
    local stats, facts = one:stats(), core.server_facts(one)
    for _, name in ipairs(SUMS) do found[name] = found[name] + (stats[name] or facts[name]) end
    if i <= SERVERS then
      found.servers[i] = stats
      stats.addresses = one:addresses()
      for _, listener in ipairs(stats.addresses[1] and {} or facts.listeners) do
        table.insert(stats.addresses, listener.address)
      end
    else
      found.more_servers = i - SERVERS
    end
    if i % SERVERS == 0 then pause() end
  end
end

--- Moves `list` behind `found`, without those that watch, until `most` are there.
local function add(found, list, watchers, most)
  for _, one in ipairs(list) do
    if #found == most then return end
    if not watchers[one.id] then found[#found + 1] = one end
  end
end

--- How far the stop is: of the process, or else of this server alone. When it began, and its deadline, if there is one.
function snapshot.standing(own)
  local step, deadline, began = core.ladder()
  if began then return step, began, deadline end
  local facts = core.server_facts(own)
  return own:step(), facts.steps.unready or facts.steps.stop, facts.deadline
end

--- The facts, for a client of the server `own`. `most`: so many connections are listed in all, those that hold the stop
-- first. `watchers`: the connections that are not, by their ids; `count` of them.
function snapshot.take(own, most, watchers, count)
  local step, began, deadline = snapshot.standing(own)
  local now = core.now()
  local found = {
    step = step, since = began and now - began, left = deadline and math.max(0, deadline - now),
    hook = hooks.current and hooks.current.entry.name, watching = count,
    servers = {}, more_servers = 0, holders = {}, quiet = {},
  }
  look_at_servers(found)
  found.in_flight = math.max(0, found.in_flight - count)
  pause()
  found.states = census.counts(server.all)
  found.states.active = math.max(0, found.states.active - count)
  local some, all = census.holders(server.all, most + count)
  add(found.holders, some, watchers, most)
  found.more_holders = math.max(0, all - count - #found.holders)
  for _, state in ipairs(QUIET_STATES) do
    local room = most - #found.holders
    if #found.quiet < room then
      pause()
      add(found.quiet, (census.oldest(server.all, state, room)), watchers, room)
    end
  end
  found.more_quiet = math.max(0, found.states.new + found.states.idle - #found.quiet)
  return found
end

return snapshot
