--- The control socket: operators ask the supervisor, a line each.
--
--     client    WORD [--json], and behind "reload" also --canary SECONDS and --progress
--     server    lines of the answer, then "ok" or "error REASON"; or one line with an object of JSON.
--               With --progress lines "progress TEXT" may come before
--
-- A connection may ask again; "quit" or the end of its lines closes it. Only root and the user of this process may ask.

local core = require "lastcall.core"
local counters = require "lastcall.supervise.counters"
local json = require "lastcall.supervise.json"
local log = require "lastcall.log"
local server = require "lastcall.server"

local control = {}

local MODE = 384 -- 0600
local LONGEST = 4096 -- bytes of a line
local LINE_WITHIN, ANSWER_WITHIN = 10, 10 -- seconds for a client to send its line, and to take the answer
local PEERS = 64 -- at a time; others wait in the kernel
local SILENT = 16 -- of them, between two lines: the one that has kept silent for longest makes room
local SHOWN = 40 -- bytes of an unknown word

local FIELDS = { "index", "pid", "generation", "state", "connections", "accepted", "requests", "replies_5xx", "errors",
  "processor", "age" }
local OF_GENERATION = { "generation", table.unpack(counters.NAMES) }

local function on_one_line(text) return (log.escaped(log.text_of(text))) end

-- -------------------------------------------------------------------------------------------------------- the words --

--- Each returns a list of lines and the fields of the object, or nil and the reason.
local words = {}

--- A word that is a method of the service.
local function order(name)
  return function(service)
    local fine, first, second = service[name](service)
    if not fine then return nil, second or first or "it failed" end
    return {}, {}
  end
end

words.grow, words.shrink = order "grow", order "shrink"

--- `tell(line)` says something before the answer.
function words.reload(service, asked, tell)
  local fine, text = service:reload {
    canary = asked.canary,
    progress = asked.progress and function(how) tell(("progress %s\n"):format(on_one_line(how))) end or nil,
  }
  if not fine then return nil, text or "it failed" end
  return { text }, { text = text }
end

--- Ends when all workers have ended.
function words.stop(service)
  service:stop()
  service:wait()
  return {}, {}
end

function words.status(service)
  local lines, workers, generations = {}, {}, nil
  local list, sums = service:status()
  for i, one in ipairs(sums or {}) do
    generations = generations or {}
    generations[i] = json.object(one, OF_GENERATION)
  end
  for i, one in ipairs(list) do
    lines[i] = ("%d %s %d %s %s"):format(one.index, one.pid or "-", one.generation, one.state, one.connections or "-")
    workers[i] = json.object(one, FIELDS)
  end
  return lines, { workers = workers, generations = generations }
end

local function names()
  local list = { "quit" }
  for name in pairs(words) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, ", ")
end

function words.help() return { "words: " .. names(), "each may be followed by --json" }, { words = names() } end

--- The options behind a word. Returns them, and what is wrong with them.
local function read_options(word, rest)
  local asked, problem = {}, nil
  rest = (" " .. rest):gsub("%s%-%-json%f[%s\0]", function() asked.json = true return "" end)
  if word == "reload" then
    rest = rest:gsub("%s%-%-progress%f[%s\0]", function() asked.progress = true return "" end)
    rest = rest:gsub("%s%-%-canary%s+(%S+)", function(seconds)
      asked.canary = tonumber(seconds)
      if not asked.canary or asked.canary ~= asked.canary or asked.canary < 0 then
        asked.canary, problem = nil, "--canary takes a number of seconds"
      end
      return ""
    end)
  end
  if rest:find "%S" then
    problem = ("%s takes no argument but --json%s"):format(word,
      word == "reload" and ", --progress and --canary SECONDS" or "")
  end
  return asked, problem
end

--- What a client is told to its line. `tell(line)` tells it something before.
local function answer(line, service, tell)
  local word, rest = line:match "^%s*(%S*)%s*(.-)%s*$"
  local asked, problem = read_options(word, rest)
  local lines, fields
  if not words[word] then
    fields = ("no word %s; there are: %s"):format(on_one_line(word:sub(1, SHOWN)), names())
  elseif problem then
    fields = problem
  elseif not service and word ~= "help" then
    fields = "the service is starting"
  else
    local fine
    fine, lines, fields = pcall(words[word], service, asked, tell)
    if not fine then lines, fields = nil, lines end
  end
  if asked.json then
    local object = lines and fields or { error = on_one_line(fields) }
    object.ok = lines ~= nil
    return json.object(object, { "ok", "error", "text", "workers", "generations", "words" }).text .. "\n"
  end
  if not lines then return ("error %s\n"):format(on_one_line(fields)) end
  lines[#lines + 1] = "ok\n"
  return table.concat(lines, "\n")
end

-- ------------------------------------------------------------------------------------------------------- the socket --

--- Whether the process at the other end is root's or ours.
function control.is_trusted(conn)
  local user = core.peer_user(conn)
  return user == 0 or user == core.user()
end

local function forget(list, conn)
  for i, other in ipairs(list) do
    if other == conn then return table.remove(list, i) end
  end
end

--- The next line; or nil and a code.
local function next_line(self, conn)
  table.insert(self.silent, conn)
  if #self.silent > SILENT then table.remove(self.silent, 1):abort() end
  local line, code = conn:read()
  forget(self.silent, conn)
  return line, code
end

local function serve(self, conn)
  if not control.is_trusted(conn) then
    conn:write "error permission denied\n"
    return
  end
  while true do
    local line, code = next_line(self, conn)
    if code == "too long" then conn:write(("error the line has more than %d bytes\n"):format(LONGEST)) end
    if not line or line:find "^%s*quit%s*$" then return end
    local function tell(text) conn:post(text) end -- a client that does not read holds up nobody
    if not conn:write(answer(line, self.service, tell)) then return end
  end
end

--- The address of a control socket; or nil and what is wrong with the path.
function control.address(at)
  local address = "unix:" .. at
  if not at:find "^/" then return nil, at .. " is no path of a control socket: it begins with a slash" end
  local endpoint, problem = core.endpoint(address)
  if not endpoint then return nil, ("%s: %s"):format(at, problem) end
  return address
end

--- What is wrong with the file at the path; nil when a socket may be made there.
local function problem_at(at)
  local facts = core.path_facts(at)
  if not facts then return nil end -- or listen says what is wrong
  if facts.kind ~= "socket" then return at .. " is a file of another kind; it is left alone" end
  if facts.owner ~= core.user() then return ("%s belongs to user %d"):format(at, facts.owner) end
end

local Control = {}
Control.__index = Control

--- Opens the socket. A stale one of ours is replaced. Returns an object; or nil and the reason.
function control.open(at)
  local address, problem = control.address(at)
  problem = problem or problem_at(at)
  if problem then return nil, problem end
  local made, code, message = server.new(address, {
    unix_mode = MODE, max_connections = PEERS, max_line = LONGEST, max_queue = 65536, linger = 1,
    read_timeout = LINE_WITHIN, write_timeout = ANSWER_WITHIN, late = false,
  })
  if not made then
    return nil, code == "address in use" and at .. " is in use: another supervisor runs here" or message
  end
  local self = setmetatable({ server = made, path = at, silent = {} }, Control)
  server.hand_to(made, function(conn) serve(self, conn) end)
  return self
end

--- From now on clients reach this service.
function Control:attach(service) self.service = service end

--- Answers who is there, and removes the path.
function Control:close() self.server:shutdown(1) end

return control
