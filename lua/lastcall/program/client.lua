--- The words that ask a supervisor: lastcall reload, status, grow, shrink, stop.

local arguments = require "lastcall.program.arguments"

local REPLY = 5 -- seconds for the supervisor to take a connection; what it was asked for may take longer

local function fail(word, problem)
  io.stderr:write(("lastcall: %s: %s\n"):format(word, problem))
  os.exit(1)
end

--- A connection; or nil and the reason.
local function connect(at)
  local address, problem = require("lastcall.supervise.control").address(at)
  if not address then return nil, problem end
  local conn, _, message = require("lastcall").connect(address, { timeout = REPLY, linger = 0 })
  return conn, message
end

--- A connection to the only supervisor that runs here; or nil and the reason.
local function only_one()
  local sockets, folders = require("lastcall.supervise.path").all()
  local live, found = {}, nil
  for _, at in ipairs(sockets) do
    local conn = connect(at)
    if conn then
      live[#live + 1] = at
      if found then found:close() end
      found = conn
    end
  end
  if #live == 1 then return found, live[1] end
  if found then found:close() end
  if #live == 0 then
    return nil, ("no supervisor runs here: nobody listens in %s; name a socket with --control"):format(
      table.concat(folders, ", "))
  end
  return nil, "several supervisors run here; choose one:\n  --control " .. table.concat(live, "\n  --control ")
end

--- A connection, and its path; or nil and the reason.
local function find(settings)
  if not settings.control then return only_one() end
  local conn, problem = connect(settings.control)
  if not conn then return nil, problem end
  return conn, settings.control
end

--- Rewrites the line of a terminal.
local function show(text)
  io.stderr:write("\r\27[K", text)
  io.stderr:flush()
end

--- Prints what comes in front of the last line, which says how it went. Returns true, or nil and the reason.
local function take_answer(conn, is_json)
  local last, is_showing
  for line in conn:lines() do
    local how = not is_json and line:match "^progress (.*)"
    if how then
      show("lastcall: canary: " .. how)
      is_showing = true
    else
      if is_showing then show "" end
      if is_json then print(line) elseif last then print(last) end
      last, is_showing = line, false
    end
  end
  if is_json and last then return last:find '^{"ok":true' ~= nil, last:match '"error":"(.-)"' or "it says nothing" end
  if last == "ok" then return true end
  return nil, last and last:match "^error (.*)" or "the supervisor has gone before it answered"
end

local function ask(word, settings)
  local conn, at = find(settings)
  if not conn then return nil, at end
  local _ <close> = setmetatable({}, { __close = function() conn:close() end })
  if not require("lastcall.supervise.control").is_trusted(conn) then return nil, at .. " belongs to another user" end
  local shows = word == "reload" and not settings.json and require("lastcall.core").is_terminal(2)
  conn:write(word, settings.json and " --json" or "", shows and " --progress" or "",
    settings.canary and (" --canary %.17g"):format(settings.canary) or "", "\nquit\n")
  conn:flush()
  return take_answer(conn, settings.json)
end

return function(word, given, usage)
  local settings = {}
  local known = {
    ["--control"] = arguments.text(settings, "control", "--control", "the path of a socket"),
    ["--json"] = function() settings.json = true end,
    ["--canary"] = word == "reload" and arguments.seconds(settings, "canary", "--canary") or nil,
  }
  local at = arguments.read(given, 2, known, { ["--json"] = true }, usage)
  if given[at] then arguments.misused(("%s takes no argument %s"):format(word, given[at]), usage) end
  local fine, problem
  require("lastcall").run(function()
    fine, problem = ask(word, settings)
  end, { drain = 1, log = function() end, progress = false })
  if not fine then fail(word, problem or "interrupted") end
  os.exit(true, true)
end
