--- Both ends of a pipe, and of a pair of sockets, as connections: a line, more than the pipe holds, an end with a slow
-- reader, one whose reader leaves.
local core = require "lastcall.core"
local life = require "spec.faults.life"
local try = life.try

--- Connections of both descriptors; nothing when there are none.
local function adopt_both(lastcall, one, other)
  if not one then return end
  local here, there = try(lastcall.adopt(one)), try(lastcall.adopt(other))
  if not here then core.close_fd(one) end
  if not there then core.close_fd(other) end
  if here and there then return here, there end
  for _, conn in pairs { here, there } do conn:abort() end
end

life.live(function(lastcall)
  local reader, writer = adopt_both(lastcall, try(core.pipe_pair()))
  if reader then
    local writing = lastcall.go(function()
      try(writer:write("hello\n", ("x"):rep(100000)))
      return try(writer:close(20))
    end)
    try(reader:read())
    lastcall.sleep(0.1)
    try(reader:read(100000))
    lastcall.sleep(0.1)
    try(reader:close(1))
    writing:wait()
  end
  reader, writer = adopt_both(lastcall, try(core.pipe_pair()))
  if reader then
    try(writer:write "nobody reads this")
    try(writer:flush())
    reader:abort()
    try(writer:write "nor this")
    try(writer:close(1))
  end
  local here, there = adopt_both(lastcall, try(core.socket_pair()))
  if here then
    try(here:write "hello\n")
    try(there:read())
    try(there:close(1))
    try(here:close(1))
  end
end)
