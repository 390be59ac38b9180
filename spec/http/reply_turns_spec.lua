-- Tasks that wait for their turn to write a reply, until it is over, and another reply has begun on its connection.
local client = require "spec.support.http.client"
local core = require "lastcall.core"
local helper = require "spec.helper"
local lastcall = require "lastcall"

local PIECE = ("x"):rep(1 << 16)

--- Two requests at once. While the reply of the first waits for its client, `count` tasks want to write(response), too.
-- Returns what they were told, and the second reply.
local function cross(write, count)
  local told, second = {}, nil
  client.serving(function(request, response)
    if request.path == "/second" then
      for _ = 1, 200 do
        response:write "own,"
        response:flush()
        lastcall.sleep(0)
      end
      return
    end
    lastcall.spawn(function()
      pcall(function() for _ = 1, 100 do response:write(PIECE) end end)
    end)
    lastcall.sleep(0.01)
    for i = 1, count do
      lastcall.spawn(function()
        lastcall.sleep(0.01)
        told[i] = { pcall(write, response) }
      end)
    end
  end, function(address)
    local conn = assert(lastcall.connect(address))
    helper.send(conn, "GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n")
    lastcall.sleep(0.1)
    client.hear(conn)
    second = client.hear(conn)
    conn:close()
  end, { on_error = function() end })
  return told, second
end

describe("a task whose turn comes when its reply is over", function()
  it("writes nothing into the next one", function()
    local told, second = cross(function(response) return response:write "stale" end, 20)
    assert.equal(("own,"):rep(200), second.body)
    for i = 1, 20 do assert.is_falsy(told[i][1] and told[i][2]) end
  end)

  it("does not end the next one", function()
    local _, second = cross(function(response) return core.http_end(response) end, 20)
    assert.equal(("own,"):rep(200), second.body)
  end)
end)
