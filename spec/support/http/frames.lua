--- Frames of WebSocket for specs, made and read by hand, so that they may be illegal.

local client = require "spec.support.http.client"
local core = require "lastcall.core"
local lastcall = require "lastcall"

local frames = { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 }

local MASK = "\x12\xAB\x34\x7F"

function frames.mask(payload, key)
  local word = ("I4"):unpack(key)
  local masked = setmetatable({}, { __index = function(known, four)
    known[four] = ("I4"):pack(("I4"):unpack(four) ~ word)
    return known[four]
  end })
  return ((payload .. ("\0"):rep(-#payload % 4)):gsub("....", masked):sub(1, #payload))
end

local function length_of(payload, form)
  local length = #payload
  form = form or length < 126 and 7 or length < 65536 and 16 or 64
  if form == 7 then return length, "" end
  if form == 16 then return 126, (">I2"):pack(length) end
  return 127, (">I8"):pack(length)
end

--- A frame. `how`: more (another fragment follows), reserved (bits), form (bits of the length: 7, 16, 64), is_plain
-- (no mask: a server's).
function frames.frame(opcode, payload, how)
  how = how or {}
  local short, long = length_of(payload, how.form)
  local first = (how.more and 0 or 0x80) | (how.reserved or 0) << 4 | opcode
  local head = string.char(first, (how.is_plain and 0 or 0x80) | short) .. long
  if how.is_plain then return head .. payload end
  return head .. MASK .. frames.mask(payload, MASK)
end

--- A client's frame whose mask is zeros, for large payloads: it is made fast.
function frames.unmasked(opcode, payload, has_more)
  local short, long = length_of(payload)
  return string.char((has_more and 0 or 0x80) | opcode, 0x80 | short) .. long .. "\0\0\0\0" .. payload
end

function frames.text(payload, how) return frames.frame(frames.TEXT, payload, how) end

function frames.close(code, reason)
  return frames.frame(frames.CLOSE, code and (">I2"):pack(code) .. (reason or "") or "")
end

local KEY = "dGhlIHNhbXBsZSBub25jZQ=="

--- The head of a handshake; `fields` are lines of its own.
function frames.handshake(path, fields)
  return ("GET %s HTTP/1.1\r\nHost: here\r\n"):format(path or "/chat")
    .. "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    .. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " .. KEY .. "\r\n" .. (fields or "") .. "\r\n"
end

--- A connection whose handshake is done; `more` is sent together with it. Returns the reply as well.
function frames.connect(address, path, fields, more)
  local conn = assert(lastcall.connect(address, { read_timeout = 10 }))
  assert(conn:write(frames.handshake(path, fields), more or ""))
  local reply = client.hear(conn, true)
  assert(reply.status == 101, reply.status)
  assert(reply.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  return conn, reply
end

--- The other side of a handshake: the server's, by hand. Returns the head of the request.
function frames.accept(conn)
  local lines = {}
  for line in conn:lines() do
    if line == "\r" then break end
    lines[#lines + 1] = line:sub(1, -2)
  end
  local head = table.concat(lines, "\n")
  conn:write("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: ",
    core.websocket_accept(head:match "Sec%-WebSocket%-Key: (%S+)"), "\r\n\r\n")
  return head
end

local function read(conn, is_masked)
  local head, code = conn:read(2)
  if not head then return nil, code end
  local first, length = head:byte(1, 2)
  assert((length >= 128) == is_masked, "a server's frame is masked, or a client's is not")
  assert(first & 0x70 == 0, "a reserved bit is set")
  length = length & 127
  if length == 126 then length = (">I2"):unpack(conn:read(2))
  elseif length == 127 then length = (">I8"):unpack(conn:read(8)) end
  local key = is_masked and conn:read(4)
  local payload = length == 0 and "" or assert(conn:read(length))
  if is_masked then payload = frames.mask(payload, key) end
  return first & 15, payload, first & 0x80 ~= 0
end

--- The next frame of a server: its opcode, payload, and whether it is final; or nil, code.
function frames.read(conn) return read(conn, false) end

--- What a Close frame says: its code and reason; nil when it has none.
function frames.close_code(payload)
  if payload == "" then return nil end
  return (">I2"):unpack(payload), payload:sub(3)
end

local NAMES = { [0] = "continuation", "text", "binary", [8] = "close", [9] = "ping", [10] = "pong" }

--- What comes next from a server, or a client if it `is_masked`: "text hello", "pong", "close 1000", "eof". And whether
-- it is the last: a client's Close is, for this side then ends the connection.
function frames.next(conn, is_masked)
  local opcode, payload = read(conn, is_masked or false)
  if not opcode then return payload, true end
  if opcode == frames.CLOSE then payload = tostring(frames.close_code(payload) or "") end
  return payload == "" and NAMES[opcode] or NAMES[opcode] .. " " .. payload, is_masked and opcode == frames.CLOSE
end

--- Everything that still comes: "text hello, pong p, close 1000, eof"; from a client, up to its Close.
function frames.rest(conn, is_masked)
  local seen, is_last = {}, false
  while not is_last do seen[#seen + 1], is_last = frames.next(conn, is_masked) end
  return table.concat(seen, ", ")
end

--- Sends a piece, and gives the other side, in the same loop, the time to read it before the next comes.
function frames.apart(conn, piece)
  local is_sent = conn:write(piece) and conn:flush()
  lastcall.sleep(0.001)
  return is_sent
end

--- What a file of this folder says of a peer that is the client or the server: websocket_rules, websocket_cases.
function frames.table(name, is_server)
  local function frame(opcode, payload, how)
    how = how or {}
    return frames.frame(opcode, payload, { more = how.more, reserved = how.reserved, form = how.form,
      is_plain = is_server ~= (how.is_wrong or false) })
  end
  local function text(payload, how) return frame(frames.TEXT, payload, how) end
  local function close(code, reason)
    return frame(frames.CLOSE, code and (">I2"):pack(code) .. (reason or "") or "")
  end
  --- The beginning of a frame that says how long it is.
  local function announce(length)
    return string.char(0x82, is_server and 127 or 255) .. (">I8"):pack(length) .. "mask"
  end
  return assert(loadfile("spec/support/http/" .. name .. ".lua"))(frame, text, close, announce)
end

return frames
