-- scripts/test: fast clock
-- The cases of the Autobahn test suite for WebSocket (spec/support/http/websocket_cases.lua), against the server and
-- against the client. The suite itself needs Python 2, and is not run here.
local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local CATEGORIES = { [1] = 16, [2] = 11, [3] = 7, [4] = 10, [5] = 20, [6] = 145, [7] = 37, [10] = 1 } -- of the suite

local function echo(ws)
  for message, kind in ws:messages() do
    if kind == "text" then ws:send(message) else ws:send_binary(message) end
  end
end

--- What the suite gets in a case, as a text. It listens while it sends, and goes on when a pause is over.
local function play(conn, case, is_server)
  local answer, seen, is_over = case[3], {}, false
  local sender = lastcall.group()

  local function see(what)
    seen[#seen + 1] = what
    if not answer:find "close" and table.concat(seen, ", ") == answer then
      conn:write(frames.frame(frames.CLOSE, (">I2"):pack(1000), { is_plain = is_server }))
    end
  end

  sender:go(function()
    for _, step in ipairs(case[2]) do
      if is_over then return end
      if type(step) == "number" then
        lastcall.sleep(step)
        if not is_over then see "pause" end
      else
        frames.apart(conn, step)
      end
    end
  end)
  local is_last
  repeat
    local what
    what, is_last = frames.next(conn, is_server)
    is_over = is_over or is_last or what:find "^close" ~= nil
    see(what)
  until is_last
  sender:wait()
  return table.concat(seen, ", ")
end

--- Plays every case with a client by hand, or with a server by hand: what came, by case.
local playing = {}

function playing.server(cases)
  local answers = {}
  client.serving(function(request, response)
    local ws = http.websocket(request, response)
    if ws then echo(ws) end
  end, function(address)
    local group = lastcall.group()
    for _, case in ipairs(cases) do
      group:go(function()
        local conn = frames.connect(address)
        answers[case] = play(conn, case, false)
        conn:close()
      end)
    end
    assert(group:wait())
  end, { log = function() end, max_connections = 1000 })
  return answers
end

function playing.client(cases)
  local answers = {}
  helper.task(function()
    local server, address = helper.serve(lastcall, function(conn)
      conn:set_read_timeout(10)
      local case = cases[tonumber((frames.accept(conn):match "GET /(%d+) "))]
      answers[case] = play(conn, case, true)
    end, { max_connections = 1000 })
    local group = lastcall.group()
    for i = 1, #cases do
      group:go(function()
        local ws = lastcall.assert(http.connect_websocket(("ws://%s/%d"):format(address, i)))
        echo(ws)
        ws:close()
      end)
    end
    assert(group:wait())
    server:wait_for("==", 0)
  end)
  return answers
end

local function short(answer)
  return #answer < 100 and answer or ("%s... (%d bytes)"):format(answer:sub(1, 99), #answer)
end

--- What the case has failed with, in the suite's words; nil when it is OK.
local function failure(case, answer, ending)
  local wanted = case[3] .. (case[3]:find "close" and "" or ", close 1000") .. ending
  if answer == wanted then return nil end
  local word = case.lax and answer == case.lax .. ending and "NON-STRICT" or "FAILED"
  return ("%s %s: wanted %q, got %q"):format(case[1], word, short(wanted), short(answer or "nothing"))
end

describe("a case of the Autobahn suite", function()
  for side, play_all in pairs(playing) do
    it("is OK for the " .. side, function()
      local cases = frames.table("websocket_cases", side == "client")
      local counts, failures, free = {}, {}, 0
      local answers = play_all(cases)
      for _, case in ipairs(cases) do
        local category = math.tointeger(case[1]:match "^%d+")
        counts[category] = (counts[category] or 0) + 1
        free = free + (case.is_free and 1 or 0)
        failures[#failures + 1] = failure(case, answers[case], side == "server" and ", eof" or "")
      end
      helper.figure("%d cases of the Autobahn suite (%d of them informational) for the %s: %d failed", #cases, free,
        side, #failures)
      assert.same({}, failures)
      assert.same(CATEGORIES, counts)
    end)
  end
end)
