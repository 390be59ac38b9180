-- A chat room in the browser, over WebSocket. Usage: lua chat_web.lua [ADDRESS]
--
--   GET /       the page
--   GET /chat   the room, as a WebSocket: the first message is a name, each other one goes to all
--
-- At SIGTERM every client gets Close 1001. What it had said before still goes to the others, as far as they are there.
-- The page comes back by itself, to the next server at this address.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local address = arg[1] or "127.0.0.1:7007"
if arg[2] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua chat_web.lua [ADDRESS]\n")
  os.exit(2)
end

local PAGE = [[
<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>chat</title>
<form><input name="text" autofocus autocomplete="off" placeholder="your name"> <button>say</button></form>
<p id="state">connecting</p>
<ul id="list"></ul>
<script>
const list = document.getElementById("list"), state = document.getElementById("state")
const form = document.forms[0]
let socket, name
function connect() {
  socket = new WebSocket(location.href.replace("http", "ws") + "chat")
  socket.onopen = () => {
    state.textContent = "connected"
    if (name) socket.send(name)
  }
  socket.onmessage = (event) => {
    const line = document.createElement("li")
    line.textContent = event.data
    list.prepend(line)
  }
  socket.onclose = (event) => {
    state.textContent = "gone (" + event.code + "), comes back"
    setTimeout(connect, 500 + Math.random() * 2000) // not all at once
  }
}
form.onsubmit = (event) => {
  event.preventDefault()
  if (socket.readyState != WebSocket.OPEN) return
  socket.send(form.text.value)
  if (!name) name = form.text.value
  form.text.placeholder = ""
  form.reset()
}
connect()
</script>
]]

local room = {}

-- Posting waits for nobody. Whoever reads too slowly has missed something, and comes back for a new beginning.
local function tell_all(text)
  local _, slow = http.broadcast(room, text)
  for _, ws in ipairs(slow or {}) do
    room[ws] = nil
    lastcall.spawn(function() ws:close(1013, "too slow") end)
  end
end

local function chat(request, response)
  local ws = http.websocket(request, response, { max_message = 4096 })
  if not ws then return end
  local name = ws:read()
  if not name then return end
  room[ws] = true
  tell_all(("* %s is here"):format(name))
  for text in ws:messages() do tell_all(("%s: %s"):format(name, text)) end
  room[ws] = nil
  tell_all(("* %s has left"):format(name))
end

local function answer(request, response)
  if request.path == "/chat" then return chat(request, response) end
  if request.path == "/" then return 200, { ["Content-Type"] = "text/html; charset=utf-8" }, PAGE end
  return 404, "nothing is here\n"
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address, { max_queue = 64 * 1024 }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer))
end)
print(report)
os.exit(report.ok)
