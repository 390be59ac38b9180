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

local function send_chunked(conn, one)
  for piece in pieces_of(one.body) do
    check_piece(one, piece)
    if piece ~= "" then
      local fine, code, text = conn:write(("%x\r\n"):format(#piece), piece, "\r\n")
      if not fine then return nil, code, text end
    end
  end
  return conn:write("0\r\n\r\n")
end

local function send_sized(conn, one)
  local left = one.length
  for piece in pieces_of(one.body) do
    check_piece(one, piece)
    left = left - #piece
    if left < 0 then misuse.raise("%s: the body has more bytes than its Content-Length, %d", one.what, one.length) end
    local fine, code, text = conn:write(piece)
    if not fine then return nil, code, text end
  end
  if left > 0 then misuse.raise("%s: the body has %d bytes fewer than its Content-Length", one.what, left) end
  return true
end

--- Sends all of the body; returns as conn:flush.
local function send(conn, one)
  local fine, code, text = (one.length and send_sized or send_chunked)(conn, one)
  if fine then fine, code, text = conn:flush() end
  return fine, code, text
end

--- Begins to send. `is_done` says whether everything has gone out. What the script's function raises lies in `raised`,
-- and ends the connection, so that half a body does not look whole.
function sender.start(conn, one)
  local self = { is_done = false }
  self.task = core.go(function()
    local fine, result = pcall(send, conn, one)
    if fine then
      self.is_done = result == true
    else
      self.raised = result
      conn:abort()
    end
  end)
  return self
end

return sender
