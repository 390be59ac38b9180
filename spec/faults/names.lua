--- Connecting: by name, where no server listens, from an address, with options; and what a connection can be asked.
local life = require "spec.faults.life"
local try = life.try

life.live(function(lastcall)
  local server = life.serve("localhost:0", function(conn) try(conn:read "a") end)
  if not server then return end
  local port = server:addresses()[1]:match ":(%d+)$"
  try(lastcall.connect("127.0.0.1:1", { timeout = 5 }))
  local conn = try(lastcall.connect("localhost:" .. port, { timeout = 5, keepalive = { idle = 5 } }))
  if conn then
    try(conn:localname())
    try(conn:set_keepalive { count = 2 })
    try(conn:set_nodelay(false))
    try(conn:getsockopt "rcvbuf")
    try(conn:setsockopt("sndbuf", 20000))
    try(conn:close(1))
  end
  try(lastcall.connect("127.0.0.1:" .. port, { timeout = 5, bind = "127.0.0.1:0", linger = 0 }))
end)
