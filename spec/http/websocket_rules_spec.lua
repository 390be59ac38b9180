-- scripts/test: fast clock
-- The rules of RFC 6455 (spec/support/http/websocket_rules.lua), against the server and against the client.
local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local SHORT = 1000 -- the longest message, but of the big rules

local function echo(ws)
  for message, kind in ws:messages() do
    if kind == "text" then ws:send(message) else ws:send_binary(message) end
  end
end

local function is_over(rule) return rule.says_close or rule[3]:find "^close" or rule[3]:find ", close" end

--- Sends the pieces, and Close unless the rule ends in one; what comes until the other's Close.
local function answer_to(conn, rule, pieces, is_server)
  for _, piece in ipairs(pieces) do
    if not frames.apart(conn, piece) then break end
  end
  if not is_over(rule) then conn:write(frames.frame(frames.CLOSE, (">I2"):pack(1000), { is_plain = is_server })) end
  local answer = frames.rest(conn, is_server):gsub(", eof$", "")
  return is_over(rule) and answer or (answer:gsub(",? ?close 1000$", ""))
end

--- Tries every rule with its bytes in these pieces: with a client by hand, or a server by hand.
local try = {}

function try.server(rules, pieces_of)
  client.serving(function(request, response)
    local ws = http.websocket(request, response, { max_message = request.path == "/short" and SHORT or nil })
    if ws then echo(ws) end
  end, function(address)
    local group = lastcall.group()
    for _, rule in ipairs(rules) do
      group:go(function()
        local conn = frames.connect(address, rule.is_big and "/big" or "/short")
        local answer = answer_to(conn, rule, pieces_of(rule[2]), false)
        conn:close()
        assert.equal(rule[1] .. ": " .. rule[3], rule[1] .. ": " .. answer)
      end)
    end
    assert(group:wait())
  end, { log = function() end, max_connections = 1000 })
end

function try.client(rules, pieces_of)
  local answers = {}
  helper.task(function()
    local server, address = helper.serve(lastcall, function(conn)
      local number = frames.accept(conn):match "GET /(%d+) "
      local rule = rules[tonumber(number)]
      answers[rule] = answer_to(conn, rule, pieces_of(rule[2]), true)
    end, { max_connections = 1000 })
    local group = lastcall.group()
    for number, rule in ipairs(rules) do
      group:go(function()
        local ws = lastcall.assert(http.connect_websocket(("ws://%s/%d"):format(address, number),
          { max_message = not rule.is_big and SHORT or nil }))
        echo(ws)
        ws:close()
      end)
    end
    assert(group:wait())
    server:wait_for("==", 0)
  end)
  for _, rule in ipairs(rules) do
    assert.equal(rule[1] .. ": " .. rule[3], rule[1] .. ": " .. tostring(answers[rule]))
  end
end

local WAYS = {
  ["together"] = function(bytes) return { bytes } end,
  ["in halves"] = function(bytes) return { bytes:sub(1, #bytes // 2), bytes:sub(#bytes // 2 + 1) } end,
  ["byte by byte"] = function(bytes)
    local list, step = {}, #bytes < 2000 and 1 or 997
    for i = 1, #bytes, step do list[#list + 1] = bytes:sub(i, i + step - 1) end
    return list
  end,
}

for side, tried in pairs(try) do
  describe("a rule of WebSocket holds for the " .. side, function()
    local rules = frames.table("websocket_rules", side == "client")
    helper.figure("%d rules of WebSocket for the %s", #rules, side)
    for way, pieces_of in pairs(WAYS) do
      it("when frames come " .. way, function() tried(rules, pieces_of) end)
    end
  end)
end
