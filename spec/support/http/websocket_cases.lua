-- The cases 1 to 7 and 10 of the Autobahn test suite for WebSocket, by its numbers: what its fuzzing client sends to an
-- echo (its fuzzing server, to an echo that is a client), and what it wants to get.
--
-- A chunk for frames.table, as websocket_rules.lua is. It returns a list of {number, steps, answer}: the steps are the
-- pieces that are sent, each in a turn of its own, and pauses (numbers of seconds). The answer is what comes, as
-- frames.rest tells it, with "pause" where the connection stayed open for a pause. The suite says Close 1000 as soon as
-- it has got the answer, unless that has a Close: then the case has sent it, or the echo has to fail the connection.
--
-- `lax` is an answer that the suite calls NON-STRICT and lets pass: here it fails. `is_free` marks the cases that
-- the suite calls INFORMATIONAL: it lets everything pass, and the answer is what lastcall promises.

local frame, text, close = ...

local MORE = { more = true }
local HELLO, PAYLOAD = "Hello, world!", "\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF"
local PING = frame(9, "")

local CASES = {}

--- Adds a case; `steps` is a list, or a piece.
local function case(number, steps, answer, more)
  local one = { number, type(steps) == "table" and steps or { steps }, answer }
  for name, value in pairs(more or {}) do one[name] = value end
  CASES[#CASES + 1] = one
end

--- Bytes in pieces of `size`, 1 if none is given.
local function chopped(bytes, size)
  local pieces = {}
  for at = 1, #bytes, size or 1 do pieces[#pieces + 1] = bytes:sub(at, at + (size or 1) - 1) end
  return pieces
end

--- A text in fragments of `size` bytes.
local function fragmented(payload, size)
  local pieces = chopped(payload, size)
  for i, piece in ipairs(pieces) do pieces[i] = frame(i == 1 and 1 or 0, piece, i < #pieces and MORE or nil) end
  return table.concat(pieces)
end

-- ---------------------------------------------------------------------------------------------- 1 framing --

for category, kind in ipairs { { 1, "text", "*" }, { 2, "binary", "\xFE" } } do
  local opcode, name, byte = table.unpack(kind)
  for i, length in ipairs { 0, 125, 126, 127, 128, 65535, 65536 } do
    local payload = byte:rep(length)
    case(("1.%d.%d"):format(category, i), frame(opcode, payload), length == 0 and name or name .. " " .. payload)
  end
  local payload = byte:rep(65536)
  case(("1.%d.8"):format(category), chopped(frame(opcode, payload), 997), name .. " " .. payload)
end

-- ---------------------------------------------------------------------------------------- 2 pings, pongs --

do
  local longest = ("\xFE"):rep(125)
  local pings, pongs = {}, {}
  for i = 0, 9 do pings[i + 1], pongs[i + 1] = frame(9, "payload-" .. i), "pong payload-" .. i end

  case("2.1", PING, "pong")
  case("2.2", frame(9, HELLO), "pong " .. HELLO)
  case("2.3", frame(9, PAYLOAD), "pong " .. PAYLOAD)
  case("2.4", frame(9, longest), "pong " .. longest)
  case("2.5", frame(9, longest .. "\xFE"), "close 1002")
  case("2.6", chopped(frame(9, longest)), "pong " .. longest)
  case("2.7", frame(10, "") .. close(1000), "close 1000")
  case("2.8", frame(10, "unsolicited pong payload") .. close(1000), "close 1000")
  case("2.9", frame(10, "unsolicited pong payload") .. frame(9, "ping payload"), "pong ping payload")
  case("2.10", table.concat(pings), table.concat(pongs, ", "))
  case("2.11", chopped(table.concat(pings)), table.concat(pongs, ", "))
end

-- ---------------------------------------------------------------- 3 reserved bits, 4 opcodes, after a text --

local ECHO = "text " .. HELLO
local ECHO_AND_CLOSE, LAX = ECHO .. ", close 1002", { lax = "close 1002" }

case("3.1", text(HELLO, { reserved = 1 }), "close 1002")
case("3.2", text(HELLO) .. text(HELLO, { reserved = 2 }) .. PING, ECHO_AND_CLOSE, LAX)
case("3.3", { text(HELLO), text(HELLO, { reserved = 3 }), PING }, ECHO_AND_CLOSE, LAX)
case("3.4", chopped(text(HELLO) .. text(HELLO, { reserved = 4 }) .. PING), ECHO_AND_CLOSE, LAX)
case("3.5", frame(2, PAYLOAD, { reserved = 5 }), "close 1002")
case("3.6", frame(2, HELLO, { reserved = 6 }), "close 1002") -- the suite says ping, and sends this
case("3.7", frame(8, "", { reserved = 7 }), "close 1002")

for category, first in ipairs { 3, 11 } do
  local function number(i) return ("4.%d.%d"):format(category, i) end
  case(number(1), frame(first, ""), "close 1002")
  case(number(2), frame(first + 1, "reserved opcode payload"), "close 1002")
  case(number(3), text(HELLO) .. frame(first + 2, "") .. PING, ECHO_AND_CLOSE, LAX)
  case(number(4), text(HELLO) .. frame(first + 3, HELLO) .. PING, ECHO_AND_CLOSE, LAX)
  case(number(5), chopped(text(HELLO) .. frame(first + 4, HELLO) .. PING), ECHO_AND_CLOSE, LAX)
end

-- ------------------------------------------------------------------------------------------- 5 fragments --

--- Three cases: these frames in one piece, each in a piece of its own, and byte by byte.
local function thrice(first, list, answer)
  local together = table.concat(list)
  for i, steps in ipairs { { together }, list, chopped(together) } do
    case(("5.%d"):format(first + i - 1), steps, answer)
  end
end

do
  local one, two = text("fragment1", MORE), frame(0, "fragment2")
  local both = "text fragment1fragment2"
  local loose = { frame(0, "non-continuation payload"), text(HELLO) }
  local open = { frame(0, "non-continuation payload", MORE), text(HELLO) }

  case("5.1", frame(9, "fragment1", MORE) .. two, "close 1002")
  case("5.2", frame(10, "fragment1", MORE) .. two, "close 1002")
  thrice(3, { one, two }, both)
  thrice(6, { one, frame(9, "ping payload"), two }, "pong ping payload, " .. both)
  thrice(9, loose, "close 1002")
  thrice(12, open, "close 1002")
  case("5.15", one .. two .. frame(0, "fragment3", MORE) .. text "fragment4", both .. ", close 1002", LAX)

  local message = text("fragment2", MORE) .. frame(0, "fragment3")
  case("5.16", (frame(0, "fragment1", MORE) .. message):rep(2), "close 1002")
  case("5.17", (frame(0, "fragment1") .. message):rep(2), "close 1002")
  case("5.18", one .. text "fragment2", "close 1002")

  -- The suite only says that the first pong comes at once; "pause" behind it demands that.
  local before = { one, frame(0, "fragment2", MORE), frame(9, "pongme 1!") }
  local after = { frame(0, "fragment3", MORE), frame(0, "fragment4", MORE), frame(9, "pongme 2!"),
    frame(0, "fragment5") }
  local answer = "pong pongme 1!, pause, pong pongme 2!, text fragment1fragment2fragment3fragment4fragment5"
  case("5.19", { table.concat(before), 1, table.concat(after) }, answer)
  case("5.20", { before[1], before[2], before[3], 1, table.unpack(after) }, answer)
end

-- ---------------------------------------------------------------------------------------------- 6 UTF-8 --

local KOSME = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5" -- a Greek word

do
  local latin = "Hello-\u{B5}@\u{DF}\u{F6}\u{E4}\u{FC}\u{E0}\u{E1}-UTF-8!!"
  local surrogate = KOSME .. "\xED\xA0\x80edited"
  local at = latin:find "\u{FC}"

  case("6.1.1", text "", "text")
  case("6.1.2", text("", MORE) .. frame(0, "", MORE) .. frame(0, ""), "text")
  case("6.1.3", text("", MORE) .. frame(0, "middle frame payload", MORE) .. frame(0, ""), "text middle frame payload")
  case("6.2.1", text(latin), "text " .. latin)
  case("6.2.2", text(latin:sub(1, at - 1), MORE) .. frame(0, latin:sub(at)), "text " .. latin)
  case("6.2.3", fragmented(latin, 1), "text " .. latin)
  case("6.2.4", fragmented(KOSME, 1), "text " .. KOSME)
  case("6.3.1", text(surrogate), "close 1007")
  case("6.3.2", fragmented(surrogate, 1), "close 1007")
end

-- At once: the part behind the first pause makes the text wrong, so the second pause is not over when Close comes. In
-- 6.4.2 and 6.4.4 that part is one byte, the first wrong one. In 6.4.3 and 6.4.4 the parts are pieces of one frame.
do
  local wrong = KOSME .. "\xF4\x90\x80\x80edited" -- beyond the last code point
  local whole = text(wrong)
  local head = #whole - #wrong
  for i, ends in ipairs { { 11, 15 }, { 12, 13 } } do
    local first, second = table.unpack(ends)
    local lax = { lax = "pause, pause, close 1007" }
    local list = { text(wrong:sub(1, first), MORE), frame(0, wrong:sub(first + 1, second), MORE),
      frame(0, wrong:sub(second + 1)) }
    case("6.4." .. i, { list[1], 1, list[2], 1, list[3] }, "pause, close 1007", lax)
    case("6.4." .. i + 2, { whole:sub(1, head + first), 1, whole:sub(head + first + 1, head + second), 1,
      whole:sub(head + second + 1) }, "pause, close 1007", lax)
  end
end

local category = 4

--- The next category: texts that are right, and then texts that are wrong, each a case.
local function texts(right, wrong)
  category = category + 1
  local list = table.move(wrong or {}, 1, #(wrong or {}), #right + 1, { table.unpack(right) })
  for i, payload in ipairs(list) do
    case(("6.%d.%d"):format(category, i), text(payload), i <= #right and "text " .. payload or "close 1007")
  end
end

--- Each byte from `first` to `last`, with `behind` after each.
local function bytes(first, last, behind)
  local list = {}
  for byte = first, last do list[#list + 1] = string.char(byte) .. behind end
  return table.concat(list)
end

texts { "hello$world", "hello\xC2\xA2world", "hello\xE2\x82\xACworld", "hello\xF0\xA4\xAD\xA2world", KOSME }

category = 6 -- each beginning of a word: some end within a character
for length = 1, #KOSME do
  local part = KOSME:sub(1, length)
  case("6.6." .. length, text(part), utf8.len(part) and "text " .. part or "close 1007")
end

texts { "\x00", "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80" } -- the first of each length
texts({}, { "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80" })
texts { "\x7F", "\xDF\xBF", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF" } -- the last of each length
texts({}, { "\xF7\xBF\xBF\xBF", "\xFB\xBF\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF\xBF" })
texts({ "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBD", "\xF4\x8F\xBF\xBF" }, { "\xF4\x90\x80\x80" })
-- bytes of a character's middle, alone
texts({}, { "\x80", "\xBF", "\x80\xBF", "\x80\xBF\x80", "\x80\xBF\x80\xBF", "\x80\xBF\x80\xBF\x80",
  "\x80\xBF\x80\xBF\x80\xBF", bytes(0x80, 0xBE, "") })
-- first bytes, alone
texts({}, { bytes(0xC0, 0xDE, " "), bytes(0xE0, 0xEE, " "), bytes(0xF0, 0xF6, " "), bytes(0xF8, 0xFA, " "),
  bytes(0xFC, 0xFC, " ") })
do -- the last byte is missing
  local short = { "\xC0", "\xE0\x80", "\xF0\x80\x80", "\xF8\x80\x80\x80", "\xFC\x80\x80\x80\x80",
    "\xDF", "\xEF\xBF", "\xF7\xBF\xBF", "\xFB\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF" }
  texts({}, short)
  texts({}, { table.concat(short) })
end
texts({}, { "\xFE", "\xFF", "\xFE\xFE\xFF\xFF" }) -- bytes that never occur
-- overlong: a slash, the longest ones, NUL
texts({}, { "\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xF8\x80\x80\x80\xAF", "\xFC\x80\x80\x80\x80\xAF" })
texts({}, { "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF8\x87\xBF\xBF\xBF", "\xFC\x83\xBF\xBF\xBF\xBF" })
texts({}, { "\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF8\x80\x80\x80\x80", "\xFC\x80\x80\x80\x80\x80" })
-- surrogates, alone and in pairs
texts({}, { "\xED\xA0\x80", "\xED\xAD\xBF", "\xED\xAE\x80", "\xED\xAF\xBF", "\xED\xB0\x80", "\xED\xBE\x80",
  "\xED\xBF\xBF" })
texts({}, { "\xED\xA0\x80\xED\xB0\x80", "\xED\xA0\x80\xED\xBF\xBF", "\xED\xAD\xBF\xED\xB0\x80",
  "\xED\xAD\xBF\xED\xBF\xBF", "\xED\xAE\x80\xED\xB0\x80", "\xED\xAE\x80\xED\xBF\xBF", "\xED\xAF\xBF\xED\xB0\x80",
  "\xED\xAF\xBF\xED\xBF\xBF" })
do -- code points that are no characters have a form: two in each plane
  local list, specials = {}, {}
  for plane = 0, 16 do
    for last = 0xFFFE, 0xFFFF do list[#list + 1] = utf8.char(plane << 16 | last) end
  end
  for code = 0xFFF9, 0xFFFF do specials[#specials + 1] = utf8.char(code) end
  texts(list)
  texts(specials)
end

-- ---------------------------------------------------------------------------------------------- 7 Close --

do
  local huge = ("BAsd7&jh23"):rep(26215):sub(1, 256 << 10)
  case("7.1.1", text "Hello World!", "text Hello World!")
  case("7.1.2", close(1000) .. frame(8, ""), "close 1000")
  case("7.1.3", close(1000) .. PING, "close 1000")
  case("7.1.4", close(1000) .. text "Hello World!", "close 1000")
  case("7.1.5", text("fragment1", MORE) .. close(1000) .. frame(0, "fragment2"), "close 1000")
  case("7.1.6", text(huge) .. text "Hello World!" .. close(1000) .. PING,
    "text " .. huge .. ", text Hello World!, close 1000", { is_free = true })

  case("7.3.1", close(), "close")
  case("7.3.2", frame(8, "a"), "close 1002")
  case("7.3.3", close(1000), "close 1000")
  case("7.3.4", close(1000, "Hello World!"), "close 1000")
  case("7.3.5", close(1000, ("*"):rep(123)), "close 1000")
  case("7.3.6", close(1000, ("*"):rep(124)), "close 1002")
  case("7.5.1", close(1000, KOSME .. "\xED\xA0\x80edited"), "close 1007") -- the suite takes 1002, too
end
for i, code in ipairs { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999 } do
  case("7.7." .. i, close(code), "close " .. code)
end
for i, code in ipairs { 0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999 } do
  case("7.9." .. i, close(code), "close 1002")
end
for i, code in ipairs { 5000, 65535 } do case("7.13." .. i, close(code), "close 1002", { is_free = true }) end

-- ------------------------------------------------------------------------------------------------- 10 --

case("10.1.1", fragmented(("*"):rep(65536), 1300), "text " .. ("*"):rep(65536))

return CASES
