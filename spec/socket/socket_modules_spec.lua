local helper = require "spec.helper"

-- LuaSocket's own higher modules, and a client of Redis, as programs in tasks use them.

local socket = require "lastcall.socket"

local function installed(body)
  local before = socket.install()
  local fine, problem = pcall(body)
  for _, name in ipairs { "socket", "socket.core", "socket.unix" } do package.loaded[name] = before[name] end
  for _, name in ipairs { "http", "smtp", "tp", "url", "headers" } do package.loaded["socket." .. name] = nil end
  if not fine then error(problem, 0) end
end

local function has(module) return package.searchpath(module, package.path) ~= nil end

--- Whether a program can be run; where it is.
local function program(...)
  for _, path in ipairs { ... } do
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
end

--- A port that was free a moment ago.
local function free_port()
  local probe = assert(socket.bind("127.0.0.1", 0))
  local _, port = probe:getsockname()
  probe:close()
  return math.tointeger(port)
end

--- Starts a command; waits, in a task, until something answers at the port. To be closed, which ends it.
local function start(lastcall, command, port)
  local pipe = assert(io.popen(("echo $$; exec %s >/dev/null 2>&1"):format(command)))
  local pid = pipe:read()
  local running = setmetatable({}, { __close = function()
    os.execute("kill -TERM " .. pid)
    pipe:close()
  end })
  for _ = 1, 100 do
    local client = socket.connect("127.0.0.1", port)
    if client then
      client:close()
      return running
    end
    lastcall.sleep(0.05)
  end
  local _ <close> = running
  error(command .. " does not answer")
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("socket.http", function()
  it("fetches from nginx, ten at a time in tasks, overlapping", function()
    local nginx = program("/usr/sbin/nginx", "/usr/bin/nginx")
    if not nginx or not has "socket.http" then return pending("needs nginx and lua-socket") end
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    installed(function()
      helper.task(function(lastcall)
        local port = free_port()
        write(folder .. "/index.html", ("a page of some length\n"):rep(5000))
        -- Each answer takes about half a second: limit_rate makes ten of them overlap or take five.
        write(folder .. "/conf", ([[daemon off; pid %s/pid; error_log %s/error; events {}
          http { access_log off; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
            uwsgi_temp_path %s; scgi_temp_path %s;
            server { listen 127.0.0.1:%d; location / { root %s; limit_rate 200k; } } }]]):format(
          folder, folder, folder, folder, folder, folder, folder, port, folder))
        local command = ("%s -c %s/conf -p %s -e %s/error"):format(nginx, folder, folder, folder)
        local _ <close> = start(lastcall, command, port)
        local http = require "socket.http"
        local began, group, slowest = lastcall.now(), lastcall.group(), 0
        for _ = 1, 10 do
          group:go(function()
            local mine = lastcall.now()
            local body, status = http.request(("http://127.0.0.1:%d/index.html"):format(port))
            assert.equal(200, status)
            assert.equal(110000, #body)
            slowest = math.max(slowest, lastcall.now() - mine)
          end)
        end
        assert(group:wait())
        assert.is_true(lastcall.now() - began < 3 * slowest)
        assert.equal(404, select(2, http.request(("http://127.0.0.1:%d/missing"):format(port))))
        assert.equal("connection refused", select(2, http.request(("http://127.0.0.1:%d/"):format(free_port()))))
      end)
    end)
    os.execute("rm -r " .. folder)
  end)
end)

--- The least of an SMTP server, for one client: what was said to it, and the letter.
local function smtp_session(client, letters)
  client:send("220 here\r\n")
  local letter, in_data = {}, false
  for line in function() return (client:receive()) end do
    if in_data then
      if line == "." then
        in_data = false
        letters[#letters + 1] = table.concat(letter, "\n")
        client:send("250 taken\r\n")
      else
        letter[#letter + 1] = line
      end
    elseif line:find "^DATA" then
      socket.sleep(0.2)
      in_data = true
      client:send("354 go on\r\n")
    elseif line:find "^QUIT" then
      client:send("221 bye\r\n")
      break
    else
      client:send("250 fine\r\n")
    end
  end
end

describe("socket.smtp", function()
  it("sends ten letters at once to a small server", function()
    if not has "socket.smtp" then return pending("needs lua-socket") end
    installed(function()
      helper.task(function(lastcall)
        local server, letters = assert(socket.bind("127.0.0.1", 0)), {}
        local _, port = server:getsockname()
        lastcall.spawn(function()
          socket.serve(server, function(client) smtp_session(client, letters) end)
        end)
        local smtp = require "socket.smtp"
        local began, group = lastcall.now(), lastcall.group()
        for i = 1, 10 do
          group:go(function()
            assert.equal(1, smtp.send {
              from = "<ann@example.org>", rcpt = "<bob@example.org>", server = "127.0.0.1", port = port,
              source = smtp.message { headers = { subject = "number " .. i }, body = "hello\r\n.hidden dot" },
            })
          end)
        end
        assert(group:wait())
        assert.is_true(lastcall.now() - began < helper.seconds(1.5)) -- one after the other: 2 s
        assert.equal(10, #letters)
        for _, letter in ipairs(letters) do assert.is_truthy(letter:find("..hidden dot", 1, true), letter) end
      end)
    end)
  end)
end)

describe("a Redis client", function()
  it("pipelines 100,000 commands; a drain in the middle loses none that was answered for", function()
    local redis = program("/usr/bin/redis-server")
    if not redis then return pending("needs redis-server") end
    helper.task(function(lastcall)
      local port = free_port()
      local _ <close> = start(lastcall, ("%s --port %d --save '' --daemonize no"):format(redis, port), port)
      local client = assert(socket.connect("127.0.0.1", port))
      client:setoption("tcp-nodelay", true)
      local TOTAL, BATCH = 100000, 1000
      local right = 0
      for first = 1, TOTAL, BATCH do
        assert(client:send(("INCR counter\r\n"):rep(BATCH)))
        for i = 0, BATCH - 1 do
          if assert(client:receive()) == ":" .. first + i then right = right + 1 end
        end
      end
      assert.equal(TOTAL, right)
      client:close()
    end)
  end)

  it("in a handler finishes what it is at when the drain begins", function()
    local redis = program("/usr/bin/redis-server")
    if not redis then return pending("needs redis-server") end
    helper.task(function(lastcall)
      local port = free_port()
      local _ <close> = start(lastcall, ("%s --port %d --save '' --daemonize no"):format(redis, port), port)
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, own = server:getsockname()
      lastcall.spawn(function()
        socket.serve(server, function(client)
          client:receive()
          local upstream, told = assert(socket.connect("127.0.0.1", port)), 0
          for _ = 1, 50 do
            assert(upstream:send(("INCR counter\r\n"):rep(100)))
            for _ = 1, 100 do
              if upstream:receive() then told = told + 1 end
            end
            socket.sleep(0.01)
          end
          upstream:send("GET counter\r\n")
          upstream:receive()
          client:send(("%d told, %s counted\n"):format(told, upstream:receive()))
          upstream:close()
        end)
      end)
      local client = assert(socket.connect("127.0.0.1", own))
      client:send("go\n")
      lastcall.sleep(0.1)
      lastcall.spawn(function() lastcall.shutdown() end)
      assert.equal("5000 told, 5000 counted", (client:receive()))
      client:close()
    end)
  end)
end)
