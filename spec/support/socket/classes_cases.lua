--- The module, the classes, and how sockets come to be. What a case is, run.lua tells.

local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

-- ---------------------------------------------------------------------- module

case("the module's fields and their types", function(t)
  local names = {}
  for name, value in pairs(t.socket) do names[#names + 1] = ("%s:%s"):format(name, type(value)) end
  table.sort(names)
  t.show(table.concat(names, " "))
  t.show(t.socket._VERSION, t.socket._SETSIZE, t.socket._SOCKETINVALID, t.socket._DATAGRAMSIZE, t.socket.BLOCKSIZE)
  t.show(t.socket._DEBUG)
end)

case("socket.dns, socket.unix and the names in them", function(t)
  for _, module in ipairs { t.socket.dns, t.unix } do
    local names = {}
    for name, value in pairs(module) do names[#names + 1] = ("%s:%s"):format(name, type(value)) end
    table.sort(names)
    t.show(table.concat(names, " "))
  end
  t.show(getmetatable(t.unix) == t.unix, t.unix.tcp == t.unix.stream, t.unix.udp == t.unix.dgram)
end)

case("the methods of each class", function(t)
  local kinds = { t.socket.tcp4(), t.socket.udp4(), t.unix.stream(), t.unix.dgram() }
  for _, one in ipairs(kinds) do
    local names = {}
    for name, value in pairs(getmetatable(one).__index) do
      names[#names + 1] = name .. (type(value) == "string" and "=" .. value or "")
    end
    table.sort(names)
    t.show(tostring(one):match("^%w+{%w+}: 0x") ~= nil, type(getmetatable(one).__index))
    t.show(table.concat(names, " "))
    t.show(getmetatable(one).__name, type(one))
    one:close()
  end
end)

case("module fields may be assigned, and the Lua part looks there", function(t)
  local before = t.socket.tcp4
  t.socket.tcp4 = function() return nil, "mine" end
  t.show(t.socket.bind("127.0.0.1", 0))
  t.socket.tcp4 = before
end)

-- --------------------------------------------------------------------- classes

case("masters, before anything", function(t)
  for _, make in ipairs { "tcp", "tcp4", "tcp6" } do
    local one = t.socket[make]()
    t.show(make, t.class(one), one:getfd() >= 0, one:getfamily(), one:gettimeout())
    t.show(one:getsockname())
    t.show(one:getpeername())
    t.show(one:dirty())
    t.show(one:close(), one:close(), one:getfd())
  end
end)

case("wrong classes are argument errors, named as the script called them", function(t)
  local one = t.socket.tcp4()
  t.show(pcall(function() local _ = one:send("x") end))
  t.show(pcall(function() return one:receive() end))
  t.show(pcall(function() return one:accept() end))
  t.show(pcall(function() return one.accept(nil) end))
  t.show(pcall(function() return one.close(1) end))
  t.show(pcall(one.send, one, "x"))
  t.show(pcall(one.getstats, one))
  t.show(pcall(one.shutdown, one, "both"))
  local server = t.socket.bind("127.0.0.1", 0)
  t.show(pcall(function() return server:shutdown() end))
  server:close()
  local udp = t.socket.udp4()
  t.show(pcall(function() return udp:send("x") end))
  t.show(pcall(function() return udp:getpeername() end))
  t.show(pcall(function() return one.close(udp) end))
  t.show(pcall(function() return udp.close(one) end))
  one:close()
  udp:close()
end)

case("listen makes a server, connect a client, also one that failed", function(t)
  local server = t.socket.tcp4()
  t.show(server:bind("127.0.0.1", 0), t.class(server))
  t.show(server:listen(), t.class(server))
  t.show(pcall(function() return server:bind("127.0.0.1", 0) end))
  t.show(pcall(function() return server:listen() end))
  local client = t.socket.tcp()
  t.show(client:connect("127.0.0.1", 1))
  t.show(t.class(client), client:getfd() >= 0)
  local _, port = server:getsockname()
  t.show(client:connect("127.0.0.1", port))
  t.show(client:connect("127.0.0.1", port))
  t.show(pcall(function() return client:bind("127.0.0.1", 0) end))
  client:close()
  t.show(client:connect("127.0.0.1", port))
  t.show(t.class(client), client:getfd() >= 0, client:getfamily())
  client:close()
  server:close()
end)

-- ------------------------------------------------------------- listen, connect

case("bind and listen: results and failures", function(t)
  t.show(t.socket.tcp():listen())
  t.show(t.socket.tcp4():listen())
  t.show(t.socket.tcp():bind("192.0.2.77", 0))
  t.show(t.socket.tcp():bind("*", 0))
  t.show(t.socket.tcp():bind("nonexistent.invalid", 0))
  t.show(t.socket.tcp4():bind("::1", 0))
  t.show(t.socket.tcp():bind("127.0.0.1", "nonsense"))
  t.show(pcall(function() t.socket.tcp():bind("127.0.0.1") end))
  t.show(pcall(function() t.socket.tcp():bind() end))
  t.show(pcall(function() t.socket.tcp4():listen("x") end))
end)

case("socket.bind: every interface, an address in use, a name", function(t)
  local server = t.socket.bind("*", 0)
  t.show(t.class(server), server:getsockname())
  t.show(server:getoption("reuseaddr"), server:getpeername())
  local _, port = server:getsockname()
  t.show(t.socket.bind("127.0.0.1", port))
  server:close()
  t.show(t.socket.bind("nonexistent.invalid", 0))
  server = t.socket.bind("localhost", 0)
  t.show(server:getsockname())
  server:close()
  server = t.socket.bind("::1", 0)
  t.show(server and server:getsockname())
  t.show(server and server:getfamily())
  if server then server:close() end
end)

case("a port can be listened on again as soon as its server is closed", function(t)
  local server = t.socket.bind("127.0.0.1", 0)
  local _, port = server:getsockname()
  server:close()
  server = t.socket.bind("127.0.0.1", port)
  t.show(t.class(server))
  server:close()
end)

case("connect: refused, unknown, wrong arguments", function(t)
  t.show(t.socket.connect("127.0.0.1", 1))
  t.show(t.socket.connect("nonexistent.invalid", 1))
  t.show(t.socket.connect4("127.0.0.1", 1))
  t.show(t.socket.tcp():connect("127.0.0.1", "nonsense"))
  t.show(t.socket.tcp4():connect("::1", 1))
  t.show(t.socket.tcp6():connect("127.0.0.1", 1))
  t.show(pcall(function() t.socket.tcp():connect("127.0.0.1") end))
  t.show(pcall(function() t.socket.connect() end))
  t.show(pcall(function() t.socket.connect("127.0.0.1", 1, nil, nil, "inet5") end))
end)

case("connect with a local address", function(t)
  local server = t.socket.bind("127.0.0.1", 0)
  local _, port = server:getsockname()
  local client = t.socket.connect("127.0.0.1", port, "127.0.0.1", 0)
  t.show(t.class(client), client:getsockname())
  t.show(client:getpeername())
  client:close()
  client = t.socket.tcp()
  t.show(client:bind("127.0.0.1", 0), client:getsockname())
  local _, from = client:getsockname()
  t.show(client:connect("127.0.0.1", port))
  t.show(select(2, client:getsockname()) == from)
  client:close()
  server:close()
end)

case("connect that does not wait is asked again", function(t)
  local server = t.socket.bind("127.0.0.1", 0)
  local _, port = server:getsockname()
  local client = t.socket.tcp()
  client:settimeout(0)
  local fine, problem = client:connect("127.0.0.1", port)
  t.show(fine or problem == "timeout")
  t.show(#select(2, t.socket.select(nil, { client }, 1)))
  t.show(client:connect("127.0.0.1", port))
  t.show(client:getpeername())
  client:close()
  client = t.socket.tcp4()
  client:settimeout(0)
  t.show(select(2, client:connect("127.0.0.1", 1)) ~= nil)
  client:close()
  server:close()
end)

case("connect again: of one that is connected, of a server, after a refusal and after a reset", function(t)
  for _, make in ipairs { "tcp", "tcp4" } do
    local server, other = t.socket.bind("127.0.0.1", 0), t.socket.bind("127.0.0.1", 0)
    local _, port = server:getsockname()
    local _, elsewhere = other:getsockname()
    local one = t.socket[make]()
    for _ = 1, 3 do t.show(one:connect("127.0.0.1", port)) end
    t.show(one:connect("127.0.0.1", elsewhere))
    t.show(select(2, one:getpeername()) == math.tointeger(tonumber(port)))
    server:accept():close()
    t.show(one:receive())
    t.show(one:connect("127.0.0.1", port))
    one:close()
    one = t.socket[make]()
    one:settimeout(0)
    for _ = 1, 4 do
      t.show(one:connect("127.0.0.1", port))
      t.socket.select(nil, { one }, 1)
    end
    one:close()
    server:accept():close()
    one = t.socket[make]()
    t.show(one:connect("127.0.0.1", 1))
    t.show(one:connect("127.0.0.1", port))
    t.show(one:connect("localhost", port))
    local peer = server:accept()
    peer:setoption("linger", { on = true, timeout = 0 })
    peer:close()
    t.socket.select({ one }, nil, 1)
    t.show(one:receive())
    one:close()
    t.show(pcall(function() return other:connect("127.0.0.1", port) end))
    t.show(t.class(other), other:getfd() >= 0)
    other:close()
    server:close()
  end
end)

case("accept: nobody comes in time", function(t)
  local server = t.socket.bind("127.0.0.1", 0)
  server:settimeout(0)
  t.show(server:accept())
  server:settimeout(0.05)
  local began = t.socket.gettime()
  t.show(server:accept())
  t.show(t.socket.gettime() - began > 0.04)
  server:close()
  t.show(server:accept())
  t.show(server:getsockname())
end)

return cases
