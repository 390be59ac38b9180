local cases = require "spec.support.http.smuggling"
local helper = require "spec.helper"
local http = require "lastcall.http"
local proxy = require "spec.support.http.proxy"

--- Says to a server what a case has, and hears all of its answer; the statuses in it, and what the handler saw.
local function try(lastcall, address, seen, text, is_split)
  local conn = assert(lastcall.connect(address))
  if is_split then
    for byte in text:gmatch "." do
      if not conn:write(byte) or not conn:flush() then break end
      lastcall.sleep(0) -- the server is in the same loop: it reads the byte now, alone
    end
  else
    conn:write(text)
  end
  conn:shutdown "write"
  local answer, _, _, part = conn:read("a")
  conn:close()
  answer = answer or part or ""
  local statuses, last_closes = {}, answer:find("Connection: close\r\n", 1, true) ~= nil
  for status in answer:gmatch "HTTP/1%.1 (%d%d%d)" do statuses[#statuses + 1] = tonumber(status) end
  local calls = table.move(seen, 1, #seen, 1, {})
  for i = #seen, 1, -1 do seen[i] = nil end
  return statuses, calls, last_closes
end

--- Calls `judge(case, try)` for each case; what it returns is what is wrong with it.
local function each(list, judge)
  local wrong = {}
  helper.task(function(lastcall)
    local seen = {}
    local _, address = helper.serve(lastcall, http.handler(function(request)
      seen[#seen + 1] = assert(request:body())
      return "seen"
    end), { on_error = function() end })
    for _, case in ipairs(list) do
      local complaint = judge(case, function(...) return try(lastcall, address, seen, ...) end)
      if complaint then wrong[#wrong + 1] = case[1] .. ": " .. complaint end
    end
  end)
  assert.same({}, wrong)
end

local function text_of(statuses, calls) return ("%s (%d calls)"):format(table.concat(statuses, " "), #calls) end

describe("a request that another server may understand differently", function()
  it("is refused, and nothing behind it is answered", function()
    each(cases.refused, function(case, say)
      local statuses, calls, closes = say(case[2])
      local is_refused = #statuses == 1 and statuses[1] == (case[3] or 400)
      if not is_refused or #calls > 0 or not closes then return text_of(statuses, calls) end
    end)
  end)

  it("is refused behind another request, which is answered", function()
    each(cases.refused, function(case, say)
      local statuses, calls = say("GET / HTTP/1.1\r\nHost: a\r\n\r\n" .. case[2])
      local is_refused = #statuses == 2 and statuses[1] == 200 and statuses[2] == (case[3] or 400)
      if not is_refused or #calls ~= 1 then return text_of(statuses, calls) end
    end)
  end)

  it("is refused where it comes byte by byte", function()
    each(cases.refused, function(case, say)
      local statuses, calls = say(case[2], true)
      -- Of a body that is wrong the handler may have read a part, without having seen the end.
      local is_refused = #statuses == 1 and statuses[1] == (case[3] or 400)
      if not is_refused or #calls > 0 then return text_of(statuses, calls) end
    end)
  end)
end)

describe("a request that is only unusual", function()
  it("is served, and the one behind it too, however both are cut", function()
    each(cases.plain, function(case, say)
      for _, is_cut in ipairs { false, true } do
        local statuses, calls = say(case[2], is_cut)
        local is_seen = calls[1] == case[3][1] and calls[2] == case[3][2] and #calls == 2
        local is_served = statuses[1] == 200 and statuses[2] == 200 and #statuses == 2
        if not is_seen or not is_served then return text_of(statuses, calls) end
      end
    end)
  end)
end)

-- What a proxy lets through it has understood in some way: the server must understand it in the same way.
describe("a request that is sent through a proxy", function()
  --- Each request that the handler sees has passed the proxy once. Returns the ids, and what is wrong.
  local function judging()
    local seen, wrong = {}, {}
    return function(request)
      local ids = request.headers:all "x-seen"
      local id = table.concat(ids, " ")
      request:body()
      if #ids ~= 1 then wrong[#wrong + 1] = ("%s %s has %d ids"):format(request.method, request.path, #ids) end
      if seen[id] then wrong[#wrong + 1] = id .. " comes twice" end
      seen[id] = true
      return ("id=%s;"):format(id)
    end, seen, wrong
  end

  --- Says a case to the proxy; each reply of the handler must be the reply to the proxy's own request.
  local function say(lastcall, address, case, wrong)
    local conn = assert(lastcall.connect(address))
    conn:write(case[2])
    local answer, _, _, part = conn:read("a")
    conn:close()
    answer = answer or part or ""
    local count = 0
    for reply in answer:gsub("HTTP/1%.1 ", "\0%0"):gmatch "[^\0]+" do
      local id, body = reply:match "\r\n[Xx]%-[Ii]d: ([%w-]+)\r\n", reply:match "\r\nid=([%w-]*);"
      if body then count = count + 1 end
      if body and id ~= body then wrong[#wrong + 1] = case[1] .. ": the reply to another request" end
    end
    return count
  end

  for _, name in ipairs(proxy.names) do
    it("is the same to both: " .. name, function()
      if not proxy.find(name) then return pending("no " .. name) end
      local fn, seen, wrong = judging()
      local replies = 0
      helper.task(function(lastcall)
        local back = "unix:" .. helper.socket_path()
        helper.serve(lastcall, http.handler(fn), { at = back, on_error = function() end })
        local address, stop = proxy.start(name, { back })
        local tasks = {}
        for _, list in ipairs { cases.refused, cases.plain, cases.refused } do
          for _, case in ipairs(list) do
            tasks[#tasks + 1] = lastcall.go(function()
              local count = say(lastcall, address, case, wrong)
              replies = replies + count
            end)
          end
        end
        for _, task in ipairs(tasks) do task:wait() end
        stop()
      end)
      local calls = 0
      for _ in pairs(seen) do calls = calls + 1 end
      assert.same({}, wrong)
      assert.is_true(replies >= #cases.plain, replies)
      assert.is_true(replies <= calls, ("%d replies, %d calls"):format(replies, calls))
      helper.figure("%s passes %d requests of %d on", name, calls, 2 * (2 * #cases.refused + #cases.plain))
    end)
  end
end)
