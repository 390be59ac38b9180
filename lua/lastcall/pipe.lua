--- pipe and copy: what one connection says, said to another.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local relay = {}

local function check(what, index, one)
  if core.is_connection(one) then return end
  misuse.raise("%s: argument %d is a connection, not a %s", what, index, type(one))
end

local CHUNK = 65536

--- Copies up to `n` bytes, or until `src` has ended; `heard(src)` is called for what it says.
local function carry(dst, src, n, heard)
  local count = 0
  while not n or count < n do
    local data, code, message = src:read_some(n and math.min(n - count, CHUNK) or CHUNK)
    if not data then
      if code == "eof" and not n then break end
      return nil, code, message, count
    end
    if heard then heard(src) end
    local fine
    fine, code, message = dst:write(data)
    if not fine then return nil, code, message, count end
    count = count + #data
  end
  local fine, code, message = dst:flush()
  if not fine then return nil, code, message, count end
  return count
end

-- Ends of a source that leave nothing half said: its own, and the ladder's, which takes it to be between two requests.
local ORDERLY = { eof = true, draining = true }

--- Copies up to `n` bytes, or until `src` has ended: the number of bytes; or nil, code, message, and the
-- number of bytes that were copied. `dst` is left open; where the copy ended without `src`, closing it resets.
function relay.copy(dst, src, n)
  check("copy", 1, dst)
  check("copy", 2, src)
  if n ~= nil and (math.type(n) ~= "integer" or n < 0) then
    misuse.raise("copy: the third argument is a number of bytes, a whole number, 0 or more")
  end
  local count, code, message, copied = carry(dst, src, n)
  if count then return count end
  if not ORDERLY[code] then core.break_write(dst, src) end
  return nil, code, message, copied
end

--- Ends both connections. One that was not told everything, and its end, is reset.
local function cut(state)
  for name, direction in pairs(state.directions) do
    if not state.finished[name] then core.break_write(direction.dst, direction.src) end
  end
  for _, direction in pairs(state.directions) do direction.dst:close("background") end
end

--- One direction of a pipe. What ends it without a clean end ends the other direction too, and is
-- what the pipe failed of.
local function direction(state, name)
  local dst, src = state.directions[name].dst, state.directions[name].src
  local count, code, message, copied
  local function heard(conn) state.said = conn end
  repeat
    count, code, message, copied = carry(dst, src, nil, heard)
    state[name] = state[name] + (count or copied)
  until code ~= "timeout" or math.min(src:stats().quiet, dst:stats().quiet) >= state.timeout
  if state.misuse then return end
  if count or code == "draining" then
    state.finished[name], code, message = dst:shutdown("write")
    if state.finished[name] then return end
  end
  state.failure = state.failure or { code, message }
  cut(state)
end

-- Seconds between two looks at an exchange that a drain waits for.
local LOOK = 0.25

--- In a drain, ends what `asker` says once it was answered, or has asked nothing, and is silent for as long as the
-- ladder asks for. Its end is passed on like one of its own, and the answering side finishes and closes.
local function leave(state, asker)
  asker:context():until_drain():wait()
  while not state.ctx:done() do
    local rest = state.said == asker and LOOK or core.quiet_in(asker)
    if rest <= 0 then return asker:shutdown("read") end
    state.ctx:wait(math.min(rest, LOOK))
  end
end

--- The same; when it raises, somebody else reads or closes what is the pipe's: the other direction ends too, and
-- the connections are left as they are.
local function guarded(state, name)
  local fine, err = pcall(direction, state, name)
  if fine then return end
  if not state.misuse then state.misuse, state.misused_by = err, name end
  state.stop("misuse")
end

--- Copies both ways until both are done; each half-close is passed on. The bytes that went from `a` to `b`, and from
-- `b` to `a`, and both connections are left to the caller to close. Or nil, code, message and both numbers when
-- something failed; then both are closed, and one that was not told everything is reset. Option `timeout`: seconds
-- of silence both ways that end it.
function relay.pipe(a, b, given)
  check("pipe", 1, a)
  check("pipe", 2, b)
  if a == b then misuse.raise("pipe: both arguments are the same connection; an echo is lastcall.copy(conn, conn)") end
  given = options.check("pipe", given, options.pipe)
  local _, in_task = core.running()
  if not in_task then
    misuse.raise("pipe waits, and only a task can wait: call it inside lastcall.run, a handler, or lastcall.go")
  end
  if given.timeout then
    a:set_read_timeout(given.timeout)
    b:set_read_timeout(given.timeout)
  end
  local ctx <close>, stop = core.context.with_cancel()
  local state = {
    up = 0, down = 0, timeout = given.timeout or 0, ctx = ctx, stop = stop, finished = {},
    directions = { up = { dst = b, src = a }, down = { dst = a, src = b } },
  }
  local asker = a:server() and a or b:server() and b
  if asker then ctx:go(leave, state, asker) end
  local back = ctx:go(guarded, state, "down")
  ctx:call(guarded, state, "up")
  -- The end of a connection ends this task's context, and the other direction soon: it is waited for all the same.
  core.context.background():call(back.wait, back)
  -- An error of this task names the script's line already; in the other task there is none to name.
  if state.misused_by == "down" then misuse.raise("%s", tostring(state.misuse)) end
  if state.misuse then error(state.misuse, 0) end
  local failure = state.failure
  if failure then return nil, failure[1], failure[2], state.up, state.down end
  return state.up, state.down
end

return relay
