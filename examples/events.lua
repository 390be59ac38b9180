-- A board of messages: a page shows them as they come, by an event stream. Usage: lua events.lua [ADDRESS]
--
--   GET /          the page
--   GET /events    the messages: first those after the one that the client saw last, then each as it comes
--   POST /         a new message, from a form with the field "text"
--
-- At SIGTERM every client gets all that was posted, hears when to come back, and sees the end of the stream.
-- Browsers come back by themselves, and name the last message that they have seen.
--
--   curl -N 127.0.0.1:7006/events & curl -d text=hello 127.0.0.1:7006/

local http = require "lastcall.http"
local lastcall = require "lastcall"

local address = arg[1] or "127.0.0.1:7006"
if arg[2] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua events.lua [ADDRESS]\n")
  os.exit(2)
end

local PAGE = [[
<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>messages</title>
<form method="post"><input name="text" autofocus autocomplete="off"> <button>say</button></form>
<p id="state">connecting</p>
<ul id="list"></ul>
<script>
const list = document.getElementById("list"), state = document.getElementById("state")
const events = new EventSource("/events")
events.onopen = () => { state.textContent = "connected" }
events.onerror = () => { state.textContent = "gone, comes back" }
events.onmessage = (event) => {
  const line = document.createElement("li")
  line.textContent = event.data
  list.prepend(line)
}
document.forms[0].onsubmit = (event) => {
  event.preventDefault()
  fetch("/", { method: "POST", body: new URLSearchParams(new FormData(event.target)) })
  event.target.reset()
}
</script>
]]

local KEPT = 100 -- messages for clients that come back
local messages, last = {}, 0
local streams = {}

local function publish(text)
  last = last + 1
  messages[last], messages[last - KEPT] = { id = last, data = text }, nil
  for stream in pairs(streams) do
    local _, code = stream:post(messages[last])
    if code == "full" then stream:close() end -- too slow: when it comes back it gets what it has missed
  end
end

-- What the client has not seen yet: messages may come while it is sent.
local function catch_up(stream)
  local seen = math.tointeger(tonumber(stream.last_id)) or 0
  if seen > last then seen = 0 end -- of another run
  while seen < last do
    seen = math.max(seen + 1, last - KEPT + 1)
    if not stream:send(messages[seen]) then return false end
  end
  return true
end

local function listen(_, response)
  local stream = response:events()
  if not (stream and catch_up(stream)) then return end
  streams[stream] = true
  stream:wait()
  streams[stream] = nil
end

local function answer(request, response)
  local where = request.method .. " " .. request.path
  if where == "GET /events" then return listen(request, response) end
  if where == "GET /" then return 200, { ["Content-Type"] = "text/html; charset=utf-8" }, PAGE end
  if where ~= "POST /" then return 404, "nothing is here\n" end
  local form = request:form()
  if not form then return end
  if (form.text or "") == "" then return 400, "the form has no field \"text\"\n" end
  publish(form.text)
  return 201, last .. "\n"
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { max_body = 1 << 16 }))
end, { drain = 10 })

print(report)
os.exit(report.ok)
