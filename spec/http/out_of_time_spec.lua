-- scripts/test: fast clock
-- The end of the time: for connections between two requests, and for handlers that are canceled.
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local function ended(conn)
  local text, code = conn:read "a"
  conn:close()
  return text == "" and "eof" or text or code
end

describe("a drain that ends before a connection has been silent for long enough", function()
  it("closes it as idle: the client has everything, and nothing was cut", function()
    local folder = helper.socket_path()
    assert(os.execute("mkdir " .. folder))
    helper.write_file(("x"):rep(1 << 20), folder .. "/big")
    local files = http.files(folder)
    local report = client.serving(function(request, response)
      if request.path == "/big" then return files(request, response) end
      return "small"
    end, function(address)
      local conns = {}
      for i = 1, 3 do conns[i] = assert(lastcall.connect(address)) end
      assert.equal(1 << 20, #client.ask(conns[1], "GET", "/big").body)
      assert.equal("small", client.ask(conns[2], "GET", "/small").body)
      helper.send(conns[3], "GET /big HTTP/1.1\r\nHost: here\r\n\r\n") -- this reply is under way
      lastcall.shutdown(1)
      assert.equal(1 << 20, #client.hear(conns[3]).body)
      for _, conn in ipairs(conns) do assert.equal("eof", ended(conn)) end
    end, { drain = { quiet = 30 } })
    os.execute("rm -rf " .. folder)
    assert.same({ 0, 0, {} }, { report.canceled, report.reset_by_us, report.stragglers }, tostring(report))
    assert.is_true(report.closed_idle >= 2, tostring(report))
    helper.assert_clean(report)
  end)

  it("cancels the request that has come, and half of one", function()
    local report = client.serving(function()
      lastcall.sleep(60)
    end, function(address, server)
      local whole, half = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      helper.send(whole, "GET / HTTP/1.1\r\nHost: here\r\n\r\n")
      helper.send(half, "GET / HTTP/1.1\r\nHo")
      while server:count "active" < 2 do lastcall.sleep(0.01) end
      lastcall.shutdown(1)
      assert.equal(503, client.hear(whole).status)
      whole:close()
      half:close()
    end, { drain = { quiet = 30 } })
    assert.equal(2, report.canceled, tostring(report))
    assert.is_false(report.clean)
  end)

  it("counts a request as late that crosses its end", function()
    local report = client.serving(function() return "small" end, function(address)
      local conn = assert(lastcall.connect(address))
      assert.equal("small", client.ask(conn, "GET", "/").body)
      lastcall.shutdown(1)
      assert.equal("eof", select(2, conn:read()))
      conn:write "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
      conn:flush()
      conn:close()
    end, { drain = { quiet = 30 } })
    assert.same({ 0, 1, 1 }, { report.canceled, report.closed_idle, report.late }, tostring(report))
  end)
end)

describe("a handler of requests", function()
  it("that is canceled and says nothing has done nothing wrong", function()
    local errors, code
    local function handler(request)
      if request.path == "/raise" then assert(lastcall.sleep(60)) end
      code = select(2, lastcall.sleep(60))
    end
    for _, way in ipairs { "finish", "abort", "shutdown", "raise" } do
      for _, wrapped in ipairs { false, true } do
        local requests, status = http.handler(handler), nil
        errors, code = {}, nil
        helper.task(function()
          local server, address = helper.serve(lastcall, wrapped and function(conn) requests(conn) end or requests,
            { on_error = function(err) errors[#errors + 1] = tostring(err) end, on_eof = wrapped and "cancel" or nil })
          local conn = assert(lastcall.connect(address))
          helper.send(conn, ("GET /%s HTTP/1.1\r\nHost: here\r\n\r\n"):format(way))
          helper.at_work(server)
          if way == "abort" then conn:abort()
          elseif way == "shutdown" then server:shutdown(5)
          else conn:shutdown "write" end
          if way ~= "abort" then status = client.hear(conn).status end
          server:wait_for("==", 0)
          conn:close()
        end)
        if way == "raise" then
          assert.same({ 500, 1 }, { status, #errors })
        else
          assert.same({ way ~= "abort" and 503 or nil, "canceled", {} }, { status, code, errors }, way)
        end
      end
    end
  end)
end)
