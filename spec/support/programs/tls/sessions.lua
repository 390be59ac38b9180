-- A select loop over objects of its own, each around a TLS client.

local socket = require "socket"
local base = require "spec.support.programs.tls.base"

local server = base.listen(arg[1])
server:settimeout(0)
local watched, later = { server }, {}

local session = {}
session.__index = session
function session:getfd() return self.client:getfd() end
function session:dirty() return self.client:dirty() end

local function drop(state)
  for i, one in ipairs(watched) do
    if one == state then table.remove(watched, i) break end
  end
  state.client:close()
end

local function welcome(client)
  if client then watched[#watched + 1] = setmetatable({ client = base.wrap(client, 0) }, session) end
end

local function work_off(state)
  local line, problem = base.go_on(state)
  if line then base.answer(state, line, later)
  elseif not base.is_waiting(problem) then drop(state) end
end

while true do
  local writing = {}
  for _, one in ipairs(watched) do
    if one.answer then writing[#writing + 1] = one end
  end
  local readable, writable = socket.select(watched, writing, next(later) and 0.05 or nil)
  for _, one in ipairs(writable) do base.send_on(one) end
  for _, one in ipairs(readable) do
    if one == server then welcome(server:accept()) else work_off(one) end
  end
  base.answer_late(later)
end
