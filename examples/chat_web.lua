-- A chat room in the browser, over WebSocket. Usage: lua chat_web.lua [ADDRESS [HUB]]
--
--   GET /       the page
--   GET /chat   the room, as a WebSocket: the first message is a name, each other one goes to all
--
-- At SIGTERM every client gets Close 1001. What it had said before still goes to the others, as far as they are there.
-- The page comes back by itself, to the next server at this address.
--
-- A room is in the memory of one process. With several, such as the workers of `lastcall serve`, HUB is the address of
-- examples/hub.lua, through which all of them hear what is said. While it is away, each process is a room of its own.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local address, hub_address = arg[1] or "127.0.0.1:7007", arg[2]
if arg[3] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua chat_web.lua [ADDRESS [HUB]]\n")
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

local hub -- the connection to it, while there is one

local function say(text)
  if not (hub and hub:post(text:gsub("\n", " "), "\n")) then tell_all(text) end
end

--- Tells the room what the hub says, to the end of the run: await says that nothing is under way between two lines.
local function follow_hub(ctx)
  while not ctx:done() do
    local conn <close>, _, message = lastcall.connect(hub_address)
    hub = conn
    if not conn then io.stderr:write("chat_web: no hub: ", message, "\n") end
    while conn and conn:await() do
      local line = conn:read()
      if not line then break end
      tell_all(line)
      conn:answered()
    end
    hub = nil
    ctx:wait(0.5)
  end
end

local function chat(request, response)
  local ws = http.websocket(request, response, { max_message = 4096 })
  if not ws then return end
  local name = ws:read()
  if not name then return end
  room[ws] = true
  say(("* %s is here"):format(name))
  for text in ws:messages() do say(("%s: %s"):format(name, text)) end
  room[ws] = nil
  say(("* %s has left"):format(name))
end

local function answer(request, response)
  if request.path == "/chat" then return chat(request, response) end
  if request.path == "/" then return 200, { ["Content-Type"] = "text/html; charset=utf-8" }, PAGE end
  return 404, "nothing is here\n"
end

local report = lastcall.run(function(ctx)
  if hub_address then lastcall.go(follow_hub, ctx) end
  local server = lastcall.assert(lastcall.listen(address, { max_queue = 64 * 1024 }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer))
end)
print(report)
os.exit(report.ok)
