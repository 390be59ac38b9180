-- A select loop over objects of its own, each of which has a socket.

local socket = require "socket"
local answer = require "spec.support.programs.loops.answers"

local Session = {}
Session.__index = Session

function Session:getfd() return self.socket:getfd() end
function Session:dirty() return self.socket:dirty() end

local function wrap(one) return setmetatable({ socket = one }, Session) end

local server = wrap(require "spec.support.programs.loops.listener"(...))
server.socket:settimeout(0)

local all = { server }

local function remove(one)
  for i, other in ipairs(all) do
    if other == one then table.remove(all, i) end
  end
end

while true do
  for _, one in ipairs((socket.select(all, nil, 1))) do
    if one == server then
      local client = server.socket:accept()
      if client then all[#all + 1] = wrap(client) end
    else
      local line = one.socket:receive()
      if line then
        one.socket:send(answer(line))
      else
        one.socket:close()
        remove(one)
      end
    end
  end
end
