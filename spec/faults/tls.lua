--- TLS: two clients, a handshake that stops half-way, a certificate replaced, STARTTLS, and a drain at the end.
-- CERTIFICATES = {certificate =, key =, ca =} is there.
local life = require "spec.faults.life"
local try = life.try

local OF = CERTIFICATES -- luacheck: globals CERTIFICATES

local function client(more)
  local options = { ca = OF.ca, name = "localhost" }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

life.live(function(lastcall)
  local tls = { certificate = OF.certificate, key = OF.key }
  local server = life.serve("127.0.0.1:0", function(conn)
    for line in conn:lines() do
      if line == "large" then conn:write(("x"):rep(200000)) end
      if line == "slow" then lastcall.sleep(0.2) end
      conn:write(line, "\n")
    end
  end, { tls = tls, handshake_timeout = 2, write_timeout = 2, farewell = "the end\n" })
  local mail = life.serve("127.0.0.1:0", function(conn)
    if try(conn:read()) then
      conn:write "go\n"
      if try(conn:starttls(tls)) then conn:write "secret\n" end
    end
  end, { handshake_timeout = 2, write_timeout = 2 })
  if not server or not mail then return end
  local address = server:addresses()[1]
  local half = try(lastcall.connect(address, { timeout = 5 }))
  if half then try(half:write "\22\3\1\1\0\1") end
  for i, word in ipairs { "large", "slow" } do
    local conn = try(lastcall.connect(address, { tls = client(), timeout = 5, read_timeout = 5, write_timeout = 2 }))
    if conn then
      try(conn:write(word, "\n"))
      try(conn:flush())
      if i == 1 then
        local got = try(conn:read())
        if got and got ~= ("x"):rep(200000) .. "large" then error "the reply is another" end
        try(conn:close(1))
      end
    end
    if i == 1 then try(server:set_tls(tls)) end
  end
  local conn = try(lastcall.connect(mail:addresses()[1], { timeout = 5, read_timeout = 5 }))
  if conn and try(conn:write "hello\n") and try(conn:read()) and try(conn:starttls(client())) then
    local got = try(conn:read())
    if got and got ~= "secret" then error "the secret is another" end
  end
end)
