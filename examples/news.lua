-- Sends messages of a Redis channel to all connected clients. Usage: lua news.lua ADDRESS HEALTH REDIS CHANNEL
--
-- The program has four parts that obey one signal: readers that stay connected (ADDRESS), a readiness endpoint
-- for a load balancer (HEALTH), a subscription (REDIS, CHANNEL), and a job that runs every second (it writes
-- the number of readers to the key CHANNEL:readers). At SIGTERM the server says goodbye to the readers. Then
-- the job and the subscription end. Only then a hook writes the last number, and closes the connection to the
-- database.

local lastcall = require "lastcall"

local address, health_address, redis_address, topic = table.unpack(arg)
if not topic or arg[5] then
  io.stderr:write("usage: lua news.lua ADDRESS HEALTH REDIS CHANNEL\n")
  os.exit(2)
end

-- Reads one reply of Redis: a string, a number, a list of replies; false for none; nil, code or nil, error.
local function read_reply(redis)
  local line, code, message = redis:read()
  if not line then return nil, code, message end
  local kind, rest = line:match("^([%+%-:%$%*])(.-)\r?$")
  if kind == "-" then return nil, rest end
  if kind == "+" then return rest end
  if kind == ":" then return math.tointeger(rest) end
  local count = kind and math.tointeger(rest)
  if not count then return nil, "not the protocol of Redis: " .. line end
  if count < 0 then return false end
  if kind == "$" then
    local text
    text, code, message = redis:read(count + 2)
    if not text then return nil, code, message end
    return text:sub(1, count)
  end
  local list = {}
  for i = 1, count do
    list[i], code, message = read_reply(redis)
    if list[i] == nil then return nil, code, message end
  end
  return list
end

local function send(redis, ...)
  redis:write("*", select("#", ...), "\r\n")
  for _, word in ipairs { ... } do redis:write("$", #tostring(word), "\r\n", word, "\r\n") end
  return redis:flush()
end

local function call(redis, ...)
  local fine, code, message = send(redis, ...)
  if not fine then return nil, code, message end
  return read_reply(redis)
end

-- Passes on published messages, until the drain begins.
local function subscribe(readers)
  local redis <close> = lastcall.assert(lastcall.connect(redis_address))
  assert(send(redis, "SUBSCRIBE", topic))
  for reply, code in function() return read_reply(redis) end do
    if not reply then error("the subscription has failed: " .. tostring(code)) end
    if reply[1] == "message" then readers:broadcast(reply[3] .. "\n") end
  end
end

-- Any GET: 200 while new readers are welcome, 503 from SIGTERM on.
local function health(conn)
  for line in conn:lines() do
    if line:find("^\r?$") then
      local status = lastcall.ready() and "200 OK" or "503 Service Unavailable"
      conn:write("HTTP/1.1 ", status, "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      return
    end
  end
end

local function reader(conn)
  conn:write("you will hear what is new on ", topic, "\n")
  for line in conn:lines() do
    if line == "quit" then return end
  end
end

local report = lastcall.run(function(ctx)
  local redis = lastcall.assert(lastcall.connect(redis_address))
  local readers = lastcall.assert(lastcall.listen(address, { farewell = "good night\n" }))
  local checks = lastcall.assert(lastcall.listen(health_address))

  local told = 0
  lastcall.every(1, function()
    told = readers:count()
    assert(call(redis, "SET", topic .. ":readers", told))
  end)
  ctx:until_drain():go(subscribe, readers)
  lastcall.on_shutdown("redis", function()
    assert(call(redis, "SET", topic .. ":readers", 0))
    redis:close()
  end)

  lastcall.go(checks.serve, checks, health)
  print("listening " .. readers:addresses()[1] .. " " .. checks:addresses()[1])
  io.stdout:flush()
  readers:serve(reader)
end, { drain = 10 })

print(report)
os.exit(report.ok)
