--- pipe and copy: pass the bytes of one connection to another.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

local relay = {}

local function check(what, index, one)
  if core.is_connection(one) then return end
  misuse.raise("%s: argument %d is a connection, not a %s", what, index, type(one))
end

local CHUNK = 65536 -- bytes of a read at most

-- What ends a wait without a fault of either side: the script's own limits, and the shutdown.
local NOBODYS = { canceled = true, draining = true }

--- The side that has failed, if one has. Silence is no failure of the silent side, which may have nothing left to say.
local function culprit(conn, code, is_reading)
  return not NOBODYS[code] and not (is_reading and code == "timeout") and conn or nil
end

--- Copies up to `n` bytes, or until `src` has ended; calls `heard(src)` for each piece that it reads. Returns how many;
-- or nil, code, message, how many, and the connection that has failed.
local function carry(dst, src, n, heard)
  local count = 0
  while not n or count < n do
    local data, code, message = src:read_some(n and math.min(n - count, CHUNK) or CHUNK)
    if not data then
      if code == "eof" and not n then break end
      return nil, code, message, count, culprit(src, code, true)
    end
    if heard then heard(src) end
    local fine
    fine, code, message = dst:write(data)
    if not fine then return nil, code, message, count, culprit(dst, code) end
    count = count + #data
  end
  local fine, code, message = dst:flush()
  if not fine then return nil, code, message, count, culprit(dst, code) end
  return count
end

-- Ends of a source after which its output is whole: its own, and the ladder's, which judges it between two requests.
local ORDERLY = { eof = true, draining = true }

--- Copies up to `n` bytes, or until `src` has ended. Returns the number of bytes; or nil, code, message, and the
-- number of bytes copied, and the connection that has failed, if one has. `dst` stays open; if the copy failed before
-- the end of `src`, closing `dst` resets it.
function relay.copy(dst, src, n)
  check("copy", 1, dst)
  check("copy", 2, src)
  if n ~= nil and (math.type(n) ~= "integer" or n < 0) then
    misuse.raise("copy: the third argument is a number of bytes, a whole number, 0 or more")
  end
  core.expect_task("copy")
  local count, code, message, copied, failed = carry(dst, src, n)
  if count then return count end
  if not ORDERLY[code] then core.break_write(dst, src) end
  return nil, code, message, copied, failed
end

--- Ends both connections. A connection that did not get everything, including the end, is reset.
local function cut(state)
  for name, direction in pairs(state.directions) do
    if not state.finished[name] then core.break_write(direction.dst, direction.src) end
  end
  for _, direction in pairs(state.directions) do direction.dst:close("background") end
end

--- One direction of a pipe. When it fails, the other direction ends too, and the pipe returns this failure.
local function direction(state, name)
  local dst, src = state.directions[name].dst, state.directions[name].src
  local count, code, message, copied, failed
  local function heard(conn) state.said = conn end
  repeat
    count, code, message, copied, failed = carry(dst, src, nil, heard)
    state[name] = state[name] + (count or copied)
  until code ~= "timeout" or math.min(src:stats().quiet, dst:stats().quiet) >= state.timeout
  if state.misuse then return end
  if count or code == "draining" then
    state.finished[name], code, message = dst:shutdown("write")
    if state.finished[name] then return end
    failed = culprit(dst, code)
  end
  state.failure = state.failure or { code, message, failed }
  cut(state)
end

-- Seconds between two looks at an exchange that a drain waits for.
local LOOK = 0.25

--- During a drain, ends the input of `asker`, the client, once it has been answered, or has asked nothing, and has
-- been silent for the ladder's `quiet`. The pipe passes this end on like the client's own; then the other side closes.
local function leave(state, asker)
  asker:context():until_drain():wait()
  while not state.ctx:done() do
    local rest = state.said == asker and LOOK or core.quiet_in(asker)
    if rest <= 0 then return asker:shutdown("read") end
    state.ctx:wait(math.min(rest, LOOK))
  end
end

--- The same, with its errors caught. It raises when other code reads or closes a connection of the pipe. Then the other
-- direction ends too, and the connections stay as they are.
local function guarded(state, name)
  local fine, err = pcall(direction, state, name)
  if fine then return end
  if not state.misuse then state.misuse, state.misused_by = err, name end
  state.stop("misuse")
end

--- Copies both ways until both directions are done, and passes on each half-close. Returns the number of bytes from `a`
-- to `b`, and from `b` to `a`; the caller closes the connections. On failure it returns nil, code, message, both
-- numbers, and the connection that has failed, if one has; then both are closed, and one that did not get everything is
-- reset. Option `timeout`: seconds of silence both ways that end it.
function relay.pipe(a, b, given)
  check("pipe", 1, a)
  check("pipe", 2, b)
  if a == b then misuse.raise("pipe: both arguments are the same connection; an echo is lastcall.copy(conn, conn)") end
  given = options.check("pipe", given, options.pipe)
  core.expect_task("pipe")
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
  -- The end of a connection ends this task's context, and soon the other direction. Wait for that direction anyway.
  core.context.background():call(back.wait, back)
  -- An error of this task names the script's line already; the other task has no line of the script.
  if state.misused_by == "down" then misuse.raise("%s", tostring(state.misuse)) end
  if state.misuse then error(state.misuse, 0) end
  local failure = state.failure
  if failure then return nil, failure[1], failure[2], state.up, state.down, failure[3] end
  return state.up, state.down
end

return relay
