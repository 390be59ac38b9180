--- Shows what keeps the process alive. First come the counts, then the connections and tasks that have not ended, where
-- each is blocked, and for how long. Those at work come first, the oldest before the others, as many as people read.
--
-- Ten thousand connections take a while. In a task the dump is made piece by piece, each piece in its own turn.

local census = require "lastcall.census"
local core = require "lastcall.core"
local pause = require "lastcall.pause"
local report = require "lastcall.report"
local server = require "lastcall.server"

local PIECE = 200 -- tasks in one turn
local FULL_PIECE = 40 -- tasks in one turn, with their tracebacks
local MOST = 100 -- listed servers, connections, and tasks that belong to no connection
local EACH = 3 -- listed tasks of a connection
local PLACES = 10 -- listed places, those with the most tasks

-- The order in which connections are chosen.
local STATES = { "active", "closing", "new", "idle", "closed" }

local function plural(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end

local function task_line(task)
  local parts = { ("task %d"):format(task.id) }
  if task.ours then parts[1] = parts[1] .. " (lastcall's own)" end
  if task.waits_for then parts[#parts + 1] = ("in %s for %.1f s"):format(task.waits_for, task.waited)
  else parts[#parts + 1] = task.status end
  local where, what = report.place(task.traceback)
  if where then
    parts[#parts + 1] = ("at %s%s"):format(where, what ~= "" and (" (%s)"):format(what) or "")
  end
  parts[#parts + 1] = ("%.1f s old"):format(task.age)
  return table.concat(parts, ", ")
end

--- `task`: the first of its tasks that is listed, or nil.
local function conn_line(conn, task)
  local where = task and report.place(task.traceback)
  local parts = { report.request_of(conn, where, task and task.waits_for, task and task.waited) }
  parts[#parts + 1] = ("connection %d%s"):format(conn.id, #parts == 0 and " from " .. conn.peer or "")
  parts[#parts + 1] = conn.state
  parts[#parts + 1] = ("%.1f s old"):format(conn.age)
  parts[#parts + 1] = ("silent for %.1f s"):format(conn.quiet)
  parts[#parts + 1] = report.owed(conn)
  return table.concat(parts, ", ")
end

--- Counts the connections by state, and chooses which to list: `of` has a list for each server.
local function look_at_connections()
  local listed = table.move(server.all, 1, math.min(MOST, #server.all), 1, {})
  local found = { count = 0, by_state = census.counts(server.all), of = {}, chosen = 0 }
  for _, state in ipairs(STATES) do
    found.count = found.count + found.by_state[state]
    local room = MOST - found.chosen
    local some = room > 0 and census.oldest(listed, state, room) or {}
    for i = 1, math.min(room, #some) do
      local of = some[i].server
      found.of[of] = found.of[of] or {}
      table.insert(found.of[of], some[i])
      found.chosen = found.chosen + 1
    end
  end
  return found
end

--- For each listed connection, how many of its tasks may be listed.
local function room_by_connection(connections)
  local room = {}
  for _, list in pairs(connections.of) do
    for _, conn in ipairs(list) do room[conn.id] = EACH end
  end
  return room
end

--- Counts the tasks by the places where they are, and chooses which to list, by their ids.
local function look_at_tasks(room)
  local found = { count = 0, places = {}, chosen = {} }
  local others = { [true] = {}, [false] = {} } -- by whether they are at rest
  local function note(task)
    local place = ("%s%s"):format(task.waits_for and "in " .. task.waits_for or task.status,
      task.place and " at " .. task.place or "")
    found.count = found.count + 1
    found.places[place] = (found.places[place] or 0) + 1
    local list = others[task.at_rest]
    if not (task.connection and task.server) then
      if #list < MOST then list[#list + 1] = task.id end
    elseif (room[task.connection] or 0) > 0 then
      room[task.connection] = room[task.connection] - 1
      found.chosen[#found.chosen + 1] = task.id
    end
  end
  local piece = core.tasks(0, PIECE)
  while true do
    for _, task in ipairs(piece) do note(task) end
    if #piece < PIECE then break end
    pause()
    piece = core.tasks(piece[PIECE].id, PIECE)
  end
  local busy, resting = others[false], others[true]
  table.move(resting, 1, MOST - #busy, #busy + 1, busy)
  table.move(busy, 1, #busy, #found.chosen + 1, found.chosen)
  return found
end

--- The chosen tasks, by their owner: a connection's under its id, a server's under the server, the rest under
-- "process".
local function describe(ids)
  local by, count = {}, 0
  table.sort(ids)
  for first = 1, #ids, FULL_PIECE do
    if first > 1 then pause() end
    local set = {}
    for i = first, math.min(first + FULL_PIECE - 1, #ids) do set[ids[i]] = true end
    for _, task in ipairs(core.describe_tasks(set)) do
      local owner = task.connection or task.server or "process"
      by[owner] = by[owner] or {}
      table.insert(by[owner], task)
      count = count + 1
    end
  end
  return by, count
end

local function say_states(say, connections)
  local parts = {}
  for _, state in ipairs(STATES) do
    local count = connections.by_state[state]
    if count > 0 then parts[#parts + 1] = ("%d %s"):format(count, state) end
  end
  if #parts > 0 then say(0, "connections: " .. table.concat(parts, ", ")) end
end

local function say_places(say, tasks)
  local order, left = {}, tasks.count
  for place in pairs(tasks.places) do order[#order + 1] = place end
  table.sort(order, function(a, b)
    if tasks.places[a] ~= tasks.places[b] then return tasks.places[a] > tasks.places[b] end
    return a < b
  end)
  for i = 1, math.min(PLACES, #order) do
    say(0, ("tasks: %d %s"):format(tasks.places[order[i]], order[i]))
    left = left - tasks.places[order[i]]
  end
  if #order > PLACES then say(0, ("tasks: %d at %s"):format(left, plural(#order - PLACES, "other place"))) end
end

local function say_servers(say, connections, tasks_by, say_tasks)
  for i, one in ipairs(server.all) do
    if i > MOST then break end
    local where = table.concat(one:addresses(), " ")
    say(0, ("server %s, %s"):format(where ~= "" and where or "(not listening)", one:step()))
    for _, conn in ipairs(connections.of[one] or {}) do
      say(1, conn_line(conn, tasks_by[conn.id] and tasks_by[conn.id][1]))
      say_tasks(2, conn.id)
    end
    say_tasks(1, one)
  end
end

local function say_left_out(say, servers, connections, tasks)
  local parts = {}
  if servers > 0 then parts[#parts + 1] = plural(servers, "server") end
  if connections > 0 then parts[#parts + 1] = plural(connections, "connection") end
  if tasks > 0 then parts[#parts + 1] = plural(tasks, "task") end
  if #parts > 0 then say(0, "and " .. table.concat(parts, ", ") .. " more") end
end

--- Returns a text of several lines, for people.
return function()
  local lines = {}
  local function say(depth, text) lines[#lines + 1] = ("  "):rep(depth) .. text end
  local connections = look_at_connections()
  local tasks = look_at_tasks(room_by_connection(connections))
  local by, described = describe(tasks.chosen)
  local function say_tasks(depth, owner)
    for _, task in ipairs(by[owner] or {}) do say(depth, task_line(task)) end
    by[owner] = nil
  end
  say(0, ("%s, %s, %s"):format(plural(#server.all, "server"), plural(connections.count, "connection"),
    plural(tasks.count, "task")))
  say_states(say, connections)
  say_places(say, tasks)
  say_servers(say, connections, by, say_tasks)
  say(0, ("process, %s"):format((core.ladder())))
  say_tasks(1, "process")
  for owner in pairs(by) do say_tasks(1, owner) end -- of servers that a run does not count
  say_left_out(say, #server.all - MOST, connections.count - connections.chosen, tasks.count - described)
  return table.concat(lines, "\n")
end
