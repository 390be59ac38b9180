-- scripts/test: fast clock
-- A WebSocket that ends in the middle of a message: a Close there would be a part of the message.
local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local SIZE = 8 << 20

--- A client reads nothing while `send(ws)` sends, does `act(conn, server)`, and then reads all: the code of its end.
-- Raises when any byte of the message is another, or when the message is whole.
local function ending(act, send)
  local code
  client.serving(function(request, response)
    local ws = http.websocket(request, response)
    if not ws then return end
    lastcall.go(function() for _ in ws:messages() do end end)
    send(ws)
  end, function(address, server)
    local conn = frames.connect(address)
    assert(conn:read(10)) -- the head of the frame
    lastcall.sleep(0.1)
    act(conn, server)
    lastcall.sleep(0.5)
    local length = 0
    repeat
      local piece
      piece, code = conn:read_some(65536)
      assert(not piece or piece:find "^x+$", "bytes that are not of the message")
      length = length + #(piece or "")
    until not piece
    assert.is_true(length < SIZE, length)
    conn:close()
  end, { on_error = function() end, log = function() end })
  return code
end

local MESSAGE = ("x"):rep(SIZE)

local ACTS = {
  ["the client sends what is illegal"] = function(conn) conn:write(frames.frame(3, "")) end,
  ["the client sends bytes that are no text"] = function(conn) conn:write(frames.text "\xFF") end,
  ["the drain's time is over"] = function(_, server)
    server:shutdown(1)
    server:wait_for("==", 0)
  end,
}

for name, act in pairs(ACTS) do
  it("resets a WebSocket in the middle of a message when " .. name, function()
    assert.equal("reset", ending(act, function(ws) ws:send(MESSAGE) end))
    assert.equal("reset", ending(act, function(ws)
      lastcall.go(function() ws:send_binary(MESSAGE) end)
      lastcall.sleep(0.01)
      ws:post "behind it"
      ws:send "behind it, too"
    end))
  end)
end
