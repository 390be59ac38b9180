local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local FORM = "Content-Type: application/x-www-form-urlencoded\r\n"

local function sized(body, headers) return ("Content-Length: %d\r\n%s\r\n%s"):format(#body, headers or "", body) end
local function chunked(body) return "Transfer-Encoding: chunked\r\n\r\n" .. body end

-- How a body fails: what reads it, the headers with what comes of the body, the code, the status, and what comes later.
local CASES = {
  { "longer than the call allows", function(request) return request:body(3) end, sized "four", "too long", 413 },
  { "a form, longer than the call allows", function(request) return request:form(3) end, sized("a=bc", FORM),
    "too long", 413 },
  { "longer than max_body", function(request) return request:body() end,
    chunked("65\r\n" .. ("x"):rep(101) .. "\r\n0\r\n\r\n"), "too long", 413 },
  { "no chunk", function(request) return request:body() end, chunked "1\r\na\r\n", "closed", 400, "words\r\n" },
  { "a form with a wrong escape", function(request) return request:form() end, sized("a=%zz", FORM), "invalid", 400 },
  { "not a form", function(request) return request:form() end, sized "a=b", "invalid", 400 },
  { "late", function(request) return request:body() end, "Content-Length: 4\r\n\r\nab", "timeout", 408 },
}

-- Serves requests with `fn`, sends one: its reply, the errors that on_error got, and what the log had of refusals.
local function reply_to(text, fn, main, options)
  local errors, refused, reply = {}, {}, nil
  helper.task(function()
    local handler = http.handler(fn, options or { max_body = 100, body_timeout = 0.1 })
    local server, address = helper.serve(lastcall, handler, {
      on_error = function(err) errors[#errors + 1] = tostring(err) end, drain = { timeout = 2, quiet = 0.1 },
      log = function(level, event, fields)
        if event == "request refused" then refused[#refused + 1] = { level, fields.status, fields.cause } end
      end,
    })
    local conn = assert(lastcall.connect(address))
    assert(conn:write("POST / HTTP/1.1\r\nHost: here\r\n", text))
    if main then main(server, conn) end
    reply = client.hear(conn)
    conn:close()
    server:close()
  end)
  return reply, errors, refused
end

describe("a body that fails", function()
  for _, case in ipairs(CASES) do
    local what, read, text, code, status, rest = table.unpack(case)
    local function send_rest(server, conn)
      if not rest then return end
      helper.at_work(server)
      assert(conn:write(rest))
    end

    it(("(%s) is answered with its status when the handler returns nothing, which is no error"):format(what), function()
      local seen
      local reply, errors, refused = reply_to(text, function(request)
        seen = select(2, read(request))
      end, send_rest)
      assert.same({ code, status, "close" }, { seen, reply.status, reply.headers.connection })
      assert.same({}, errors)
      assert.same({ 1, "info", status }, { #refused, refused[1][1], refused[1][2] })
      assert.is_truthy(refused[1][3]:find "^the body ", refused[1][3])
    end)

    it(("(%s) is answered with its status when the handler raises"):format(what), function()
      local reply, errors = reply_to(text, function(request) return assert(read(request)) end, send_rest)
      assert.same({ status, 1 }, { reply.status, #errors })
    end)
  end

  it("is answered as the handler wants, and the connection is kept where the body's end is known", function()
    local reply = reply_to(sized("a=%zz", FORM), function(request)
      local form, _, message = request:form()
      if not form then return 422, message end
    end)
    assert.same({ 422, "the form has a % that is no escape" }, { reply.status, reply.body })
    assert.is_nil(reply.headers.connection)
  end)

  it("is answered with 503 when the shutdown cancels its wait", function()
    local seen
    local reply, errors = reply_to("Content-Length: 4\r\n\r\nab", function(request)
      seen = select(2, request:body())
    end, function(server)
      helper.at_work(server)
      server:shutdown(0.5)
    end, { body_timeout = 30 })
    assert.same({ "canceled", 503 }, { seen, reply.status })
    assert.same({}, errors)
  end)

  it("does not excuse a handler that returns nothing for another reason", function()
    local reply, errors = reply_to(sized "a", function(request) request:body() end)
    assert.same({ 500, 1 }, { reply.status, #errors })
    assert.is_truthy(errors[1]:find("returned nothing", 1, true), errors[1])
  end)
end)

describe("a body whose pieces come in time", function()
  it("may take longer than body_timeout in all: chunked as well as of a known length", function()
    for _, text in ipairs { sized "abcd", chunked "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n" } do
      local head, body = text:match "^(.-\r\n\r\n)(.*)$"
      local seen
      reply_to(head, function(request)
        seen = { request:body() }
        return "heard"
      end, function(_, conn)
        for piece in body:gmatch(#body == 4 and "." or "%x\r\n%a?\r?\n?") do
          helper.send(conn, piece)
          lastcall.sleep(helper.seconds(0.3))
        end
      end, { body_timeout = helper.seconds(0.6), body_rate = 0 })
      assert.same({ "abcd" }, seen)
    end
  end)
end)
