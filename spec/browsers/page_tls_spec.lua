local browser = require "spec.support.http.browser"
local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local SCRIPT = [[
  const size = async (path, options) => (await (await fetch(path, options)).arrayBuffer()).byteLength;
  const upload = { method: "POST", body: "x".repeat(300000) };
  const sizes = await Promise.all([size("/4000000"), size("/1"), size("/70000", upload)]);
  let cut = "whole";
  try { await size("/cut"); } catch (error) { cut = error.name; }
  const socket = new WebSocket(location.href.replace("https", "wss") + "chat");
  await new Promise((done) => { socket.onopen = done; });
  const closed = new Promise((done) => { socket.onclose = done; });
  const echo = await new Promise((done) => {
    socket.onmessage = (event) => done(event.data);
    socket.send("y".repeat(100000));
  });
  tell("talked");
  const { code, wasClean } = await closed;
  return { sizes, cut, secure: isSecureContext, echo: echo.length, code, wasClean };
]]

--- A server of pages, replies by size, and an echo over WebSocket; and what its log gets.
local function serve(notes)
  return helper.serve(lastcall, http.handler(function(request, response)
    if request.path == "/" then return 200, { ["Content-Type"] = "text/html" }, "<p>hello</p>" end
    if request.path == "/cut" then
      response:write(("x"):rep(100000))
      response:flush()
      error "on purpose"
    end
    if request.path ~= "/chat" then return ("x"):rep(math.tointeger(request.path:match "%d+") or 0) end
    local ws = http.websocket(request, response, { origins = { "https://" .. request.host } })
    if not ws then return end
    for text in ws:messages() do ws:send(text) end
  end), {
    tls = certificates.server { alpn = { "http/1.1" } }, drain = { quiet = 0.5 }, on_error = function() end,
    log = function(_, event, fields) notes[#notes + 1] = event .. ": " .. tostring(fields.reason) end,
  })
end

describe("Chromium over TLS", function()
  local missing = browser.missing()
  if missing then return it("is there", function() pending(missing) end) end
  teardown(certificates.remove)

  it("gets its page and whole replies, sees a torn one as torn, and talks by wss until the drain says 1001", function()
    local result
    helper.task(function()
      local server, address = serve {}
      local url = ("https://localhost:%s/"):format(address:match ":(%d+)$")
      local page = browser.open(url, SCRIPT, 60, nil, certificates.of().certificate)
      assert.equal("talked", page:told())
      server:shutdown(10)
      result = page:result()
      local report = server:wait()
      assert.equal(0, report.late)
      assert.is_true(report.ok)
    end)
    assert.same({
      sizes = { 4000000, 1, 70000 }, cut = "TypeError", secure = true, echo = 100000, code = 1001, wasClean = true,
    }, result)
  end)

  it("refuses a certificate that it does not trust, and the server says why", function()
    local notes = {}
    helper.task(function()
      local server, address = serve(notes)
      local url = ("https://localhost:%s/"):format(address:match ":(%d+)$")
      local page = browser.open(url, "return 1")
      local fine, message = pcall(page.result, page)
      assert.is_false(fine)
      assert.matches("ERR_CERT_AUTHORITY_INVALID", message)
      server:close()
    end)
    assert.matches("handshake failed: .*alert", table.concat(notes, "\n"))
  end)
end)
