--- Descriptors cross a unix connection, some of them through a full kernel, and more than are taken.
local life = require "spec.faults.life"
local try = life.try
local LARGE = ("x"):rep(400000)

life.live(function(lastcall)
  local server = life.serve("unix:@lastcall-faults-passing", function(conn)
    while true do
      local bytes, fds = try(conn:receive_fds(3))
      if not bytes then break end
      if fds[1] then try(conn:send_fds(fds, "back")) end
      for _, fd in ipairs(fds) do lastcall.close_fd(fd) end
    end
  end)
  if not server then return end
  for _, bytes in ipairs { "one", LARGE } do
    local conn = try(lastcall.connect(server:addresses()[1], { timeout = 5, read_timeout = 1, write_timeout = 5 }))
    if conn then
      try(conn:receive_fds(2, 0))
      if try(conn:send_fds({ 2, 2 }, bytes)) and try(conn:send_fds({ 2, 2, 2, 2 }, bytes)) then
        local got, fds = try(conn:receive_fds(2))
        for _, fd in ipairs(got and fds or {}) do lastcall.close_fd(fd) end
      end
      try(conn:close(1))
    end
  end
end)
