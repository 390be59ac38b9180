--- Receiving, sending, ending, and timeouts. What a case is, run.lua tells.

local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

-- ------------------------------------------------------------------ receiving

case("receive: lines, and every carriage return goes", function(t)
  local a, b = t.pair()
  t.show(a:send("one\r\ntwo\nth\rree\r\r\n\n\r\nrest"))
  for _ = 1, 5 do t.show(b:receive()) end
  b:settimeout(0.05)
  t.show(b:receive("*l"))
  t.show(b:receive("*l"))
  a:send("\r\n")
  t.show(b:receive("*line"))
end)

case("receive: numbers of bytes, and prefixes that count", function(t)
  local a, b = t.pair()
  a:send("abcdefghijklmnop")
  t.show(b:receive(3))
  t.show(b:receive(10, "123456"))
  t.show(b:receive("2"))
  t.show(b:receive(1.7))
  t.show(b:receive(2, "longer"))
  t.show(b:receive(3, 12))
  t.show(b:dirty())
  b:settimeout(0.05)
  t.show(b:receive(100, "x"))
  t.show(b:receive(100))
  t.show(b:dirty())
end)

case("receive(0) waits for something to be there", function(t)
  local a, b = t.pair()
  b:settimeout(0.05)
  t.show(b:receive(0))
  a:send("x")
  b:settimeout(1)
  t.show(b:receive(0))
  t.show(b:receive(1))
  a:close()
  t.show(b:receive(0))
end)

case("receive: everything until the end", function(t)
  local a, b = t.pair()
  a:send("all of it")
  a:shutdown("send")
  t.show(b:receive("*a", "prefix "))
  t.show(b:receive("*a"))
  t.show(b:receive("*a", "p"))
  t.show(b:receive())
  t.show(b:send("still open\n"))
  t.show(a:receive())
end)

case("receive: a timeout gives what came, which is consumed", function(t)
  local a, b = t.pair()
  b:settimeout(0.05)
  a:send("half")
  t.show(b:receive("*l", "pre "))
  a:send(" a line\n")
  t.show(b:receive("*l"))
  a:send("part\r")
  t.show(b:receive("*a"))
  t.show(b:receive("*a"))
end)

case("receive: the peer leaves in the middle", function(t)
  local a, b = t.pair()
  a:send("unfinished")
  a:close()
  t.show(b:receive("*l", "so far "))
  t.show(b:receive("*l"))
  a, b = t.pair()
  a:send("unfinished")
  a:close()
  t.show(b:receive(20))
end)

case("receive: patterns that are none", function(t)
  local _, b = t.pair()
  for _, pattern in ipairs { "l", "a", "*x", "", -1, "-1", true, {} } do
    t.show(pcall(function() return b:receive(pattern) end))
  end
  t.show(pcall(function() return b:receive("*l", {}) end))
end)

case("a line longer than any buffer", function(t)
  local a, b = t.pair()
  local sent = 0
  local line = ("x"):rep(70000)
  a:settimeout(0)
  local data = line .. "\n"
  local got = {}
  b:settimeout(0)
  while true do
    if sent < #data then
      local last, _, partial = a:send(data, sent + 1)
      sent = last or partial
    end
    local whole, problem, partial = b:receive()
    got[#got + 1] = whole or partial
    if whole then break end
    if problem ~= "timeout" then break end
  end
  t.show(table.concat(got) == line)
end)

-- -------------------------------------------------------------------- sending

case("send: which bytes, and the index it returns", function(t)
  local a, b = t.pair()
  t.show(a:send("abcdef", 3, 4))
  t.show(a:send("abc", 9, 2))
  t.show(a:send("abc", -2))
  t.show(a:send(""))
  t.show(a:send("abc", 2, -2))
  t.show(a:send(12))
  t.show(a:send("abc", 0))
  t.show(a:send("abc", 5))
  t.show(a:send("abc", 1, 10))
  t.show(a:send("abc", -10, -1))
  t.show(a:send("abc", "2", "3"))
  t.show(a:send("abcd", 1.9, 2.9))
  a:shutdown("send")
  t.show(b:receive("*a"))
  t.show(pcall(function() return a:send() end))
  t.show(pcall(function() return a:send({}) end))
  t.show(pcall(function() return a:send("x", {}) end))
end)

case("send: to one who has left", function(t)
  local a, b = t.pair()
  a:shutdown("send")
  t.show(a:send("x"))
  t.show(a:send("abcdef", 3))
  t.show(b:receive())
end)

case("send: a full peer, a timeout, and the way on", function(t)
  local a, b = t.pair()
  local data = ("0123456789"):rep(1000000)
  a:settimeout(0.05)
  local last, problem, partial = a:send(data)
  t.show(last, problem, partial > 0 and partial < #data)
  b:settimeout(5)
  t.show(#b:receive(partial) == partial)
  local again, why, further = a:send(data, partial + 1, partial + 10)
  t.show(again and again - partial, why, further)
  t.show(b:receive(10) == data:sub(partial + 1, partial + 10))
end)

-- --------------------------------------------------------------------- ending

case("after close: results, not crashes", function(t)
  local a = t.pair()
  t.show(a:close(), a:close())
  t.show(t.class(a), a:getfd(), a:dirty())
  t.show(a:getsockname())
  t.show(a:getpeername())
  t.show(a:send("x"))
  t.show(a:send(""))
  t.show(a:receive())
  t.show(a:receive("*a", "p"))
  t.show(a:receive(0))
  t.show(a:shutdown(), a:shutdown("send"))
  t.show(a:settimeout(1), a:gettimeout())
  t.show((a:setoption("keepalive", true)))
  t.show((a:getoption("keepalive")))
end)

case("shutdown, each way", function(t)
  local a, b = t.pair()
  t.show(a:shutdown("send"), a:send("x"))
  t.show(b:receive())
  t.show(b:send("zz\n"), a:receive())
  t.show(b:shutdown("receive"), b:shutdown("both"), b:shutdown())
  t.show(a:receive())
  t.show(pcall(function() return a:shutdown("nothing") end))
end)

case("shutdown of the reading half leaves what has come", function(t)
  local a, b = t.pair()
  a:send("there\n")
  t.show(#t.socket.select({ b }, nil, 1))
  t.show(b:shutdown("receive"))
  t.show(b:receive())
  t.show(b:receive())
end)

case("getstats and setstats", function(t)
  local a, b = t.pair()
  a:send("12345")
  t.show(b:receive(5))
  local received, sent, age = a:getstats()
  t.show(received, sent, age >= 0)
  received, sent, age = b:getstats()
  t.show(received, sent, age >= 0)
  t.show(a:setstats(100, 200, 300))
  received, sent, age = a:getstats()
  t.show(received, sent, age >= 300 and age < 301)
  a:send("1")
  t.show((select(2, a:getstats())))
end)

case("setfd and getfd", function(t)
  local a = t.pair()
  local fd = a:getfd()
  t.show(math.type(fd), fd >= 0)
  t.show(a:setfd(-1))
  t.show(a:getfd(), (a:send("x")))
  t.show(pcall(function() return a:setfd() end))
  t.show(a:setfd(fd))
  t.show(a:getfd() == fd, a:send("y\n"))
end)

-- ------------------------------------------------------------------- timeouts

case("settimeout: modes, nothing, negative, and what is no number", function(t)
  local one = t.socket.tcp()
  t.show(one:settimeout(1), one:gettimeout())
  t.show(one:settimeout(2, "t"), one:gettimeout())
  t.show(one:settimeout(3, "r"), one:gettimeout())
  t.show(one:settimeout(nil, "b"), one:gettimeout())
  t.show(one:settimeout(-3), one:gettimeout())
  t.show(one:settimeout(), one:gettimeout())
  t.show(one:settimeout("4"), one:gettimeout())
  t.show(one:settimeout(1, "total"), one:gettimeout())
  t.show(pcall(function() return one:settimeout("x") end))
  t.show(pcall(function() return one:settimeout(1, "q") end))
  t.show(pcall(function() return one:settimeout(1, {}) end))
end)

case("both timeouts count, the shorter one first", function(t)
  local _, b = t.pair()
  for _, times in ipairs { { 0.05, 5 }, { 5, 0.05 }, { -1, 0.05 }, { 0.05, -1 }, { 0, 5 }, { 5, 0 } } do
    b:settimeout(times[1])
    b:settimeout(times[2], "t")
    local began = t.socket.gettime()
    t.show(b:receive())
    t.show(t.socket.gettime() - began < 2)
  end
end)

return cases
