--- Files over HTTP, small and large, and an event stream. It and a download are under way when the drain begins.
local http = require "lastcall.http"
local life = require "spec.faults.life"
local try = life.try

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
for name, size in pairs { small = 1000, large = 3000000 } do
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(("x"):rep(size))
  file:close()
end
assert(os.execute(("touch -d 2020-01-01 %s/small"):format(folder))) -- its headers are known from the second request on
local files = http.files(folder)

local function answer(request, response)
  if request.path == "/small" then return files(request, response) end
  if request.path ~= "/events" then
    return try(response:file(request.path:sub(2), { root = folder })) or not response.begun and 404 or nil
  end
  local stream = response:events { heartbeat = 1 }
  if stream and stream:send "first" then stream:wait() end
end

--- Reads a reply to its end: what is wrong with one that looks whole.
local function check(conn, length)
  local seen = {}
  for line in conn:lines() do
    if line == "\r" then break end
    seen[#seen + 1] = line
  end
  if (seen[1] or ""):find " 200 " then
    local body = conn:read(length)
    assert(not body or body == ("x"):rep(length), "not the file")
  end
end

--- What the disk does wrong is an error of the handler of http.files.
local function on_error(err)
  local message = tostring(err)
  if not message:find("Input/output error", 1, true) and not message:find "memory" then error(message, 0) end
end

life.live(function(lastcall)
  local server = life.serve("127.0.0.1:0", http.handler(answer), { write_timeout = 5, on_error = on_error })
  if not server then return end
  local address = server:addresses()[1]
  for i, target in ipairs { "/small", "/small", "/nothing", "/large", "/events", "/large" } do
    local conn = try(lastcall.connect(address, { timeout = 5, read_timeout = 5 }))
    if conn then
      try(conn:write("GET ", target, " HTTP/1.1\r\nHost: here\r\n\r\n"))
      try(conn:flush())
      if i < 5 then check(conn, target == "/small" and 1000 or 3000000) end
      if i < 5 then try(conn:close(1)) end
    end
  end
end)
os.execute("rm -rf " .. folder)
