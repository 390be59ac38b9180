local helper = require "spec.helper"
local options = require "lastcall.options"

-- Classes of a meta file: their parents and fields; and the functions of each of its tables.
local function parse(path, classes, functions)
  local class
  for line in io.lines(path) do
    local name, parents = line:match("^%-%-%-@class lastcall%.?([%w]*):? ?(.*)$")
    if name then
      class = name
      classes[class] = classes[class] or { parents = {}, fields = {} }
      for parent in parents:gmatch("lastcall%.(%w+)") do table.insert(classes[class].parents, parent) end
    end
    local field = line:match("^%-%-%-@field ([%w_]+)")
    if field then classes[class].fields[field] = true end
    local of, separator, method = line:match("^function (%w+)([.:])([%w_]+)%(")
    if of then
      functions[of] = functions[of] or {}
      functions[of][method] = separator
    end
  end
end

local FILES = helper.meta_files()
local classes, functions = {}, {}
for _, path in ipairs(FILES) do parse(path, classes, functions) end

local function all_fields(name)
  local fields = {}
  for field in pairs(classes[name].fields) do fields[field] = true end
  for _, parent in ipairs(classes[name].parents) do
    for field in pairs(all_fields(parent)) do fields[field] = true end
  end
  return fields
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function methods_of(kind)
  return assert(debug.getregistry()["lastcall." .. kind], kind).__index
end

local function functions_in(t)
  local names = {}
  for name, value in pairs(t) do names[name] = type(value) == "function" or nil end
  return names
end

describe("lastcall/meta.lua", function()
  local lastcall = require "lastcall"

  it("has every function of the module, and no other", function()
    assert.same(sorted(functions_in(lastcall)), sorted(functions.lastcall))
    assert.same(sorted(functions_in(lastcall.context)), sorted(functions.context))
    assert.same(sorted(functions_in(lastcall.coroutine)), sorted(functions.coroutine))
    assert.same({ "context", "coroutine", "features", "version" }, sorted(classes[""].fields))
    assert.same(sorted(lastcall.features), sorted(classes.Features.fields))
    assert.equal("string", type(lastcall.version))
  end)

  it("has every function of lastcall.http, and no other", function()
    assert.same(sorted(functions_in(require "lastcall.http")), sorted(functions.http))
  end)

  it("has what lastcall.socket adds to LuaSocket's names, and no other", function()
    local additions = getmetatable(require "lastcall.socket").__index
    assert.same(sorted(functions_in(additions)), sorted(functions.socket))
  end)

  for class, methods in pairs {
    Server = function() return require "lastcall.core".server_methods end,
    Connection = function() return require "lastcall.core".connection_methods end,
    Context = function() return methods_of "context" end,
    Task = function() return methods_of "task" end,
    Guard = function() return methods_of "guard" end,
    Ticket = function() return methods_of "ticket" end,
    Group = function() return debug.getmetatable(lastcall.group()) end,
    Waitgroup = function() return debug.getmetatable(lastcall.waitgroup()) end,
    Semaphore = function() return debug.getmetatable(lastcall.semaphore(1)) end,
    Channel = function() return debug.getmetatable(lastcall.channel()).__index end,
    Service = function() return require("lastcall.supervise").methods end,
    Socket = function() return methods_of "socket" end,
    HttpRequest = function() return require "lastcall.core".http_request_methods end,
    HttpResponse = function() return require "lastcall.core".http_response_methods end,
    Websocket = function() return require "lastcall.core".websocket_methods end,
    HttpStream = function() return require "lastcall.http.stream".methods end,
    HttpClient = function() return debug.getmetatable(require "lastcall.http".client()).__index end,
    HttpReply = function() return require "lastcall.http.client".reply_methods end,
  } do
    it("has every method of a " .. class:lower() .. ", and no other", function()
      assert.same(sorted(functions_in(methods())), sorted(functions[class]))
      for method, separator in pairs(functions[class]) do assert.equal(":", separator, method) end
    end)
  end

  for class, known in pairs {
    KeepaliveOptions = "keepalive", DrainOptions = "drain", ConnectionOptions = "connection",
    ListenerOptions = "listener", ServerOptions = "server", RunOptions = "run", ServeOptions = "serve",
    ConnectOptions = "connect", PipeOptions = "pipe", HeartbeatOptions = "heartbeat",
    ReuseportOptions = "reuseport", HookOptions = "hook", HttpOptions = "http", HttpServeOptions = "http_serve",
    HttpEventsOptions = "http_events", WebsocketOptions = "websocket", WebsocketClientOptions = "websocket_client",
    HttpFileOptions = "http_file", HttpFilesOptions = "http_files", HttpStatusOptions = "http_status",
    SuperviseOptions = "supervise", ProcessOptions = "process",
    HttpClientOptions = "http_client", HttpRequestOptions = "http_request",
  } do
    it("has every option of " .. known .. ", and no other", function()
      assert.same(sorted(options[known]), sorted(all_fields(class)))
    end)
  end

  it("has every field of what a server and its connections tell, and no other", function()
    helper.task(function(run)
      local server, address = helper.serve(run, function(conn) conn:await() end)
      local conn = assert(run.connect(address))
      assert.is_true(server:wait_for("==", 1, 2))
      assert.same(sorted(server:stats()), sorted(classes.ServerStats.fields))
      local fields = all_fields "Snapshot"
      fields.request, fields.in_handler = nil, nil -- of HTTP
      assert.same(sorted(server:connections()[1]), sorted(fields))
      assert.same(sorted(conn:stats()), sorted(fields))
      assert.equal("number", type(conn.id))
      assert.equal("table", type(conn.data))
      conn:close("background")
    end)
  end)

  it("has every field of a report, and no other", function()
    local held = {} -- collected, they would be closed
    local report = helper.task(function(run)
      local _, address = helper.serve(run, function(conn, ctx)
        local order = conn:read()
        if order == "obey" then return conn:read() end
        if order == "leave" then -- what is said when the drain has begun is not read, and given up soon
          conn:setsockopt("sndbuf", 200000)
          while not ctx:draining() do run.sleep(0.01) end
          return conn:write(("x"):rep(150000))
        end
        while true do run.sleep(60) end
      end, { linger = 0.1, write_timeout = 0.2 })
      run.on_shutdown("broken", function() error "on purpose" end)
      for i, line in ipairs { "obey\nhalf a li", "resist\n", "leave\n" } do
        held[i] = assert(run.connect(address))
        held[i]:setsockopt("rcvbuf", 4096)
        held[i]:write(line)
        held[i]:flush()
      end
      run.spawn(function()
        local _ <close> = run.work "guarded"
        while true do run.sleep(60) end
      end)
      run.sleep(0.05)
    end, { drain = 1, on_error = function() end })
    assert.same(sorted(report), sorted(classes.Report.fields))
    assert.same(sorted(report.stop[1]), sorted(classes.StopReport.fields))
    assert.same(sorted(report.hooks[1]), sorted(classes.HookReport.fields))
    local seen = { request = true, in_handler = true } -- of HTTP
    for _, one in ipairs(report.stragglers) do
      for name in pairs(one) do seen[name] = true end
    end
    assert.same(sorted(seen), sorted(classes.Straggler.fields))
  end)

  it("names no class or alias that is not there", function()
    local there, named = {}, {}
    for _, path in ipairs(FILES) do
      for line in io.lines(path) do
        there[line:match "^%-%-%-@%l+ (lastcall%.%u%w*)" or ""] = true
        for name in line:gmatch "lastcall%.%u%w*" do named[name] = path end
      end
    end
    assert.is_true(#sorted(named) > 50)
    for name, path in pairs(named) do assert.is_truthy(there[name], path .. ": " .. name) end
  end)

  it("is Lua, in parts that lastcall/meta.lua names", function()
    local first = helper.read_file "lua/lastcall/meta.lua"
    for _, path in ipairs(FILES) do
      assert(loadfile(path))
      local name = path:match "(meta_%l+)%.lua$"
      if name then assert.is_truthy(first:find("%f[%l]" .. name .. "%f[%A]"), name) end
    end
  end)
end)
