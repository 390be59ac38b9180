--- Sends the body of a request in a task of its own, while the reply is awaited: a server may answer before it has read
-- the whole body, and may stop reading until its answer is read.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

local sender = {}

--- The pieces of the body, one after the other.
local function pieces_of(body)
  if type(body) == "function" then return body end
  if type(body) == "string" then body = { body } end
  local i = 0
  return function()
    i = i + 1
    return body[i]
  end
end

local function check_piece(one, piece)
  if type(piece) == "string" then return end
  misuse.raise("%s: the function for the body gave a %s, not a string", one.what, type(piece))
end

--- Writes to the connection that is held weakly: a reply that the script has forgotten is collected with it, while the
-- script's function waits for its next piece.
local function put(held, ...)
  local conn = held[1]
  if not conn then return nil, "closed", "the reply was forgotten" end
  return conn:write(...)
end

local function send_chunked(held, one)
  for piece in pieces_of(one.body) do
    check_piece(one, piece)
    if piece ~= "" then
      local fine, code, text = put(held, ("%x\r\n"):format(#piece), piece, "\r\n")
      if not fine then return nil, code, text end
    end
  end
  return put(held, "0\r\n\r\n")
end

local function send_sized(held, one)
  local left = one.length
  for piece in pieces_of(one.body) do
    check_piece(one, piece)
    left = left - #piece
    if left < 0 then misuse.raise("%s: the body has more bytes than its Content-Length, %d", one.what, one.length) end
    local fine, code, text = put(held, piece)
    if not fine then return nil, code, text end
  end
  if left > 0 then misuse.raise("%s: the body has %d bytes fewer than its Content-Length", one.what, left) end
  return true
end

--- Sends all of the body; returns whether it has gone out.
local function send(held, one)
  if not (one.length and send_sized or send_chunked)(held, one) then return false end
  return held[1] ~= nil and held[1]:flush() == true
end

--- Begins to send. `is_done` says whether everything has gone out. What the script's function raises lies in `raised`,
-- and ends the connection, so that half a body does not look whole.
function sender.start(conn, one)
  local self, held = { is_done = false }, setmetatable({ conn }, { __mode = "v" })
  self.task = core.go(function()
    local fine, result = pcall(send, held, one)
    if fine then
      self.is_done = result
    else
      self.raised = result
      if held[1] then held[1]:abort() end
    end
  end)
  return self
end

return sender
