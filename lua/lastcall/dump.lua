--- Who is holding it? Everything that has not ended, where it is blocked, and for how long.

local core = require "lastcall.core"
local report = require "lastcall.report"
local server = require "lastcall.server"

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

local function conn_line(conn)
  local parts = { ("connection %d from %s"):format(conn.id, conn.peer), conn.state,
    ("%.1f s old"):format(conn.age), ("silent for %.1f s"):format(conn.quiet) }
  parts[#parts + 1] = report.owed(conn)
  return table.concat(parts, ", ")
end

-- Tasks by whose they are: a connection's by its id, a server's by the server, the rest under "process".
local function sort_tasks()
  local by, all = {}, core.all_tasks()
  for _, task in ipairs(all) do
    local owner = task.connection or task.server or "process"
    by[owner] = by[owner] or {}
    table.insert(by[owner], task)
  end
  return by, #all
end

--- A text for people, several lines.
return function()
  local lines = {}
  local function say(depth, text) lines[#lines + 1] = ("  "):rep(depth) .. text end
  local by, tasks = sort_tasks()
  local function say_tasks(depth, owner)
    for _, task in ipairs(by[owner] or {}) do say(depth, task_line(task)) end
    by[owner] = nil
  end
  local conns = 0
  say(0, "")
  for _, one in ipairs(server.all) do
    local list = one:connections()
    conns = conns + #list
    local where = table.concat(one:addresses(), " ")
    say(0, ("server %s, %s"):format(where ~= "" and where or "(not listening)", one:step()))
    for _, conn in ipairs(list) do
      say(1, conn_line(conn))
      say_tasks(2, conn.id)
    end
    say_tasks(1, one)
  end
  say(0, ("process, %s"):format((core.ladder())))
  say_tasks(1, "process")
  for owner in pairs(by) do say_tasks(1, owner) end -- of servers that a run does not count
  lines[1] = ("%s, %s, %s"):format(plural(#server.all, "server"), plural(conns, "connection"), plural(tasks, "task"))
  return table.concat(lines, "\n")
end
