--- What the TLS servers here share: how they listen, wrap a client, and answer a line. A line "wait" is answered half
-- a second later; "busy" keeps the whole program from its clients for as long. "big", which the chat does not know, is
-- answered by 8 MB.

local socket, ssl = require "socket", require "ssl"

local base = {}

local context = assert(ssl.newcontext {
  mode = "server", protocol = "any", key = os.getenv "TLS_KEY", certificate = os.getenv "TLS_CERTIFICATE",
})

--- Listens at a path, if there is one, or on loopback.
function base.listen(path)
  local server
  if path then
    server = assert(require "socket.unix"())
    assert(server:bind(path))
    assert(server:listen(32))
  else
    server = assert(socket.bind("127.0.0.1", 0))
  end
  print("listening " .. (path and "unix:" .. path or ("%s:%d"):format(server:getsockname())))
  io.stdout:flush()
  return server
end

--- The TLS object of an accepted client.
function base.wrap(client, seconds)
  client:settimeout(seconds)
  local wrapped = assert(ssl.wrap(client, context))
  wrapped:settimeout(seconds)
  return wrapped
end

base.BIG = 8000000

--- For loops whose sockets do not wait: sends what is left of an answer, as much as there is room for.
function base.send_on(state)
  local sent, problem, last = state.client:send(state.answer, state.from)
  if sent then state.answer = nil
  elseif base.is_waiting(problem) then state.from = last + 1 end
end

--- For loops whose sockets do not wait: goes on with the handshake or the line under way. Returns a line, or nil and
-- what is in the way: "wantread", "wantwrite", or the client's end.
function base.go_on(state)
  local client = state.client
  if not state.is_shaken then
    local fine, problem = client:dohandshake()
    if not fine then return nil, problem end
    state.is_shaken = true
  end
  local line, problem, partial = client:receive("*l", state.begun)
  state.begun = partial
  return line, problem
end

function base.is_waiting(problem) return problem == "wantread" or problem == "wantwrite" end

--- Answers at once, or notes in `later` when to.
function base.answer(state, line, later)
  if line == "busy" then socket.sleep(0.5) end
  if line == "wait" then
    later[state] = socket.gettime() + 0.5
  elseif line == "big" then
    state.answer, state.from = ("x"):rep(base.BIG) .. "\n", 1
  else
    state.client:send("you said: " .. line .. "\n")
  end
end

--- Gives the answers that are due.
function base.answer_late(later)
  for state, at in pairs(later) do
    if socket.gettime() >= at then
      later[state] = nil
      state.client:send "you said: wait\n"
    end
  end
end

return base
