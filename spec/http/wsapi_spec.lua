local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- A part of Debian's lua-wsapi, whose files for Lua 5.1 do for 5.4; nil when it is not there.
local function part_of_wsapi(name)
  local path = package.path
  package.path = path .. ";/usr/share/lua/5.1/?.lua"
  local found, part = pcall(require, "wsapi." .. name)
  package.path = path
  return found and part or nil
end

--- The whole reply to a request, and what on_error was told.
local function answer(app, text, options)
  local reply, problem
  helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(http.wsapi(app), options),
      { on_error = function(err) problem = tostring(err) end })
    local conn = assert(lastcall.connect(address))
    conn:write(text)
    reply = conn:read "a"
    conn:close()
    server:close()
  end)
  return reply or "", problem
end

local function pieces(...)
  local list, i = { ... }, 0
  return function()
    i = i + 1
    return list[i]
  end
end

local LAST = "Host: here:8080\r\nConnection: close\r\n"

describe("http.wsapi", function()
  it("gives the application its variables", function()
    local seen = {}
    answer(function(env)
      for _, name in ipairs {
        "REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
        "REMOTE_ADDR", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_TRACE_ID", "HTTP_PROXY", "HTTP_NONE", "NOTHING",
      } do seen[name] = env[name] end
      return 200, {}, pieces "ok"
    end, "POST /a%20b/c?q=%20 HTTP/1.1\r\nX-Trace-Id: 7\r\nProxy: evil\r\nContent-Type: text/plain\r\n" ..
      "Content-Length: 2\r\n" .. LAST .. "\r\nhi")
    assert.same({
      REQUEST_METHOD = "POST", PATH_INFO = "/a b/c", SCRIPT_NAME = "", QUERY_STRING = "q=%20", SERVER_NAME = "here",
      SERVER_PORT = "8080", SERVER_PROTOCOL = "HTTP/1.1", REMOTE_ADDR = "127.0.0.1", CONTENT_TYPE = "text/plain",
      CONTENT_LENGTH = "2", HTTP_X_TRACE_ID = "7", HTTP_PROXY = "", HTTP_NONE = "", NOTHING = "",
    }, seen)
  end)

  it("sends what it returns: status as a number or a text, headers, pieces", function()
    local reply = answer(function()
      return 201, { ["Content-Type"] = "text/html", ["X-Two"] = { "a", 2 }, Connection = "keep-alive" },
        pieces("<p>", "", "made")
    end, "GET / HTTP/1.0\r\n\r\n")
    assert.is_truthy(reply:find "^HTTP/1.1 201 Created\r\n", reply)
    assert.is_truthy(reply:find("X-Two: a\r\nX-Two: 2\r\n", 1, true), reply)
    assert.is_truthy(reply:find "Content%-Type: text/html\r\n", reply)
    assert.equal("<p>made", reply:match "\r\n\r\n(.*)$")
    reply = answer(function() return "404 Not Found", {}, pieces() end, "GET / HTTP/1.0\r\n\r\n")
    assert.is_truthy(reply:find "^HTTP/1.1 404 Not Found\r\n", reply)
  end)

  it("takes a table with run, and waits inside the application and its pieces", function()
    local reply = answer({ run = function(env)
      lastcall.sleep(0.01)
      local first = true
      return 200, {}, function()
        lastcall.sleep(0.01)
        if first then
          first = false
          return env.PATH_INFO
        end
      end
    end }, "GET /later HTTP/1.0\r\n\r\n")
    assert.equal("/later", reply:match "\r\n\r\n(.*)$")
  end)

  it("gives the body by its length, in parts, and chunked", function()
    local function app(env)
      local input, length = env.input, tonumber(env.CONTENT_LENGTH)
      return 200, {}, pieces(input:read(4), "|", input:read(length), "|", input:read(1) or "-")
    end
    local reply = answer(app, "POST / HTTP/1.1\r\nContent-Length: 10\r\n" .. LAST .. "\r\n0123456789")
    assert.equal("0123|456789|-", (reply:match "\r\n\r\n(.*)$":gsub("%x+\r\n([^\r]*)\r\n", "%1")))
    reply = answer(app, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" .. LAST ..
      "\r\n3\r\n012\r\n4\r\n3456\r\n0\r\n\r\n")
    assert.equal("0123|456|-", (reply:match "\r\n\r\n(.*)$":gsub("%x+\r\n([^\r]*)\r\n", "%1")))
  end)

  it("answers 400 for a path that cannot be decoded, 500 for what is no status", function()
    local reply = answer(function() return 200, {}, pieces "ok" end, "GET /%zz HTTP/1.0\r\n\r\n")
    assert.is_truthy(reply:find "^HTTP/1.1 400 ", reply)
    local problem
    reply, problem = answer(function() return nil end, "GET / HTTP/1.0\r\n\r\n")
    assert.is_truthy(reply:find "^HTTP/1.1 500 ", reply)
    assert.is_truthy(problem:find("returned nil as its status", 1, true), problem)
    helper.raises("the application", http.wsapi, "x")
  end)

  it("works with wsapi.request and wsapi.response", function()
    local wsapi_request, wsapi_response = part_of_wsapi "request", part_of_wsapi "response"
    if not (wsapi_request and wsapi_response) then return pending "lua-wsapi is not there" end
    local reply = answer(function(env)
      local req = wsapi_request.new(env)
      local res = wsapi_response.new(200, { ["Content-Type"] = "text/plain" })
      res:write("hello, ", req.POST.name, " ", req.GET.q)
      return res:finish()
    end, "POST /?q=1 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n" .. LAST ..
      "\r\nname=J%20D")
    assert.is_truthy(reply:find("hello, J  1", 1, true), reply)
  end)
end)
