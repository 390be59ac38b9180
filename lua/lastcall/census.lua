--- The connections of several servers: how many there are in which state, the oldest, and those that hold a shutdown.

local core = require "lastcall.core"
local pause = require "lastcall.pause"

local census = {}

local PIECE = 200 -- described in one turn

--- The connections of `servers` by state.
function census.counts(servers)
  local total = { new = 0, active = 0, idle = 0, closing = 0, closed = 0 }
  for _, one in ipairs(servers) do
    for state in pairs(total) do total[state] = total[state] + one:count(state) end
  end
  return total
end

--- The oldest connections of `servers` in a state, at most `room` of each server, each with its `server`; and how many
-- there are. `has_no_task`: only those that their peers alone keep open.
function census.oldest(servers, state, room, has_no_task)
  local found, count, since_pause = {}, 0, 0
  for _, one in ipairs(servers) do
    if one:count(state) > 0 then
      local some, all = core.server_oldest(one, state, room, has_no_task)
      for _, conn in ipairs(some) do
        conn.server = one
        found[#found + 1] = conn
      end
      count, since_pause = count + all, since_pause + #some
      if since_pause >= PIECE then
        since_pause = 0
        pause()
      end
    end
  end
  table.sort(found, function(a, b) return a.id < b.id end)
  return found, count
end

--- What holds a shutdown, or would: guards of work, the oldest tasks at work, and then the oldest connections of
-- `servers` that only their peers keep open. At most `most`, and how many there are.
function census.holders(servers, most)
  local some, count = core.holders(most)
  local peers, peer_count = census.oldest(servers, "closing", most, true)
  table.move(peers, 1, most - #some, #some + 1, some)
  return some, count + peer_count
end

return census
