--- A control socket that is asked twice, and a path that is chosen for one.
local life = require "spec.faults.life"
local try = life.try
local path = os.tmpname()
os.remove(path)

local function reasoned(value, reason)
  if not value and type(reason) ~= "string" then error "no reason is given" end
  return value
end

life.live(function(lastcall)
  local control = require "lastcall.supervise.control"
  reasoned(require("lastcall.supervise.path").of "bin/lastcall")
  require("lastcall.supervise.path").all()
  local door = reasoned(control.open(path)) or reasoned(control.open(path))
  if not door then return end
  door:attach { status = function() return {} end }
  for _ = 1, 2 do
    local conn = try(lastcall.connect("unix:" .. path, { timeout = 5, read_timeout = 5 }))
    if conn then
      control.is_trusted(conn)
      try(conn:write "status\nquit\n")
      try(conn:read())
      try(conn:close(1))
    end
  end
  door:close()
end)
os.remove(path) -- where it could not
