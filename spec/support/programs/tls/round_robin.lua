-- A server that asks one client after the other whether there is a line, over TLS, and sleeps a little after a round.

local socket = require "socket"
local base = require "spec.support.programs.tls.base"

local server = base.listen(arg[1])
server:settimeout(0)
local states, later = {}, {}

while true do
  local client = server:accept()
  if client then states[#states + 1] = { client = base.wrap(client, 0) } end
  for i = #states, 1, -1 do
    local state = states[i]
    if state.answer then base.send_on(state) end
    local line, problem = base.go_on(state)
    if line then
      base.answer(state, line, later)
    elseif not base.is_waiting(problem) then
      table.remove(states, i)
      state.client:close()
    end
  end
  base.answer_late(later)
  socket.sleep(0.02)
end
