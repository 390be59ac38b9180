-- The rules of RFC 6455, one by one: what an echo answers to frames that are legal, odd, or illegal. What a
-- public suite of cases tries, in its order and with its pauses, is in websocket_cases.lua.
--
-- A chunk for frames.table: it gets the functions that make frames, for a client or for a server, and returns a list of
-- {name, bytes, answer}: what the peer sends, and what it gets then, as frames.rest tells it. A peer that gets no Close
-- itself says it, unless the rule `says_close`. `is_big`: for an echo whose messages may be longer than 1000 bytes.

local frame, text, close, announce = ...

local MORE, WRONG = { more = true }, { is_wrong = true }
local KOSME = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5" -- a Greek word

local RULES = {
  -- messages
  { "an empty text", text "", "text" },
  { "an empty message of bytes", frame(2, ""), "binary" },
  { "125 bytes", text(("a"):rep(125)), "text " .. ("a"):rep(125) },
  { "126 bytes", text(("a"):rep(126)), "text " .. ("a"):rep(126) },
  { "the longest message", text(("a"):rep(1000)), "text " .. ("a"):rep(1000) },
  { "bytes that are no text", frame(2, "\0\xFF\xFE"), "binary \0\xFF\xFE" },
  { "one byte more", text(("a"):rep(1001)), "close 1009" },
  { "fragments that are too long together",
    text(("a"):rep(600), MORE) .. frame(0, ("a"):rep(401)), "close 1009" },
  { "a length that announces too much", announce(1 << 40), "close 1009" },
  -- fragments
  { "two fragments", text("hel", MORE) .. frame(0, "lo"), "text hello" },
  { "bytes in fragments", frame(2, "\xFF", MORE) .. frame(0, "\xFE"), "binary \xFF\xFE" },
  { "empty fragments", text("", MORE) .. frame(0, "", MORE) .. frame(0, ""), "text" },
  { "an empty last fragment", text("x", MORE) .. frame(0, ""), "text x" },
  { "many fragments", text("a", MORE) .. frame(0, "b", MORE):rep(50) .. frame(0, "c"),
    "text a" .. ("b"):rep(50) .. "c" },
  { "a ping between fragments", text("he", MORE) .. frame(9, "p") .. frame(0, "y"), "pong p, text hey" },
  { "a pong between fragments", text("he", MORE) .. frame(10, "p") .. frame(0, "y"), "text hey" },
  { "Close between fragments", text("he", MORE) .. close(1000), "close 1000", says_close = true },
  { "a continuation of nothing", frame(0, "x"), "close 1002" },
  { "a fragment of nothing", frame(0, "x", MORE), "close 1002" },
  { "a continuation behind a whole message", text("a") .. frame(0, "x"), "text a, close 1002" },
  { "a message within another", text("a", MORE) .. text "b", "close 1002" },
  { "bytes within a text", text("a", MORE) .. frame(2, "b"), "close 1002" },
  -- control frames
  { "a ping", frame(9, "payload"), "pong payload" },
  { "an empty ping", frame(9, ""), "pong" },
  { "a ping of bytes", frame(9, "\0\xFF\xFE"), "pong \0\xFF\xFE" },
  { "the longest ping", frame(9, ("p"):rep(125)), "pong " .. ("p"):rep(125) },
  { "ten pings", frame(9, "a") .. frame(9, "b"):rep(8) .. frame(9, "c"),
    "pong a, " .. ("pong b, "):rep(8) .. "pong c" },
  { "a pong that nobody asked for", frame(10, "x") .. text "a", "text a" },
  { "a ping of 126 bytes", frame(9, ("p"):rep(126)), "close 1002" },
  { "a pong of 126 bytes", frame(10, ("p"):rep(126)), "close 1002" },
  { "a ping in fragments", frame(9, "p", MORE), "close 1002" },
  { "Close in fragments", frame(8, "\x03\xE8", MORE), "close 1002" },
  { "a ping behind a message", text "a" .. frame(9, "p"), "text a, pong p" },
  -- reserved bits and opcodes
  { "reserved bit 1", text("a", { reserved = 4 }), "close 1002" },
  { "reserved bit 2", text("a", { reserved = 2 }), "close 1002" },
  { "reserved bit 3", text("a", { reserved = 1 }), "close 1002" },
  { "a reserved bit of a ping", frame(9, "a", { reserved = 4 }), "close 1002" },
  { "a reserved bit of Close", frame(8, "", { reserved = 7 }), "close 1002" },
  { "a reserved bit of a continuation", text("a", MORE) .. frame(0, "b", { reserved = 4 }), "close 1002" },
  { "a reserved bit behind a message", text "a" .. text("b", { reserved = 1 }), "text a, close 1002" },
  { "opcode 3", frame(3, ""), "close 1002" },
  { "opcode 7", frame(7, "a"), "close 1002" },
  { "opcode 11", frame(11, ""), "close 1002" },
  { "opcode 15", text "a" .. frame(15, "a"), "text a, close 1002" },
  { "a reserved opcode between fragments", text("a", MORE) .. frame(5, ""), "close 1002" },
  -- masks and lengths
  { "a text that is masked, or not, as the other side's are", frame(1, "a", WRONG), "close 1002" },
  { "a ping that is masked, or not, as the other side's are", frame(9, "", WRONG), "close 1002" },
  { "an empty frame that is masked, or not, as the other side's are", frame(2, "", WRONG), "close 1002" },
  { "a length of 16 bits that fits into 7", text("a", { form = 16 }), "close 1002" },
  { "a length of 64 bits that fits into 7", text("a", { form = 64 }), "close 1002" },
  { "a length of 64 bits that fits into 16", text(("a"):rep(500), { form = 64 }), "close 1002" },
  { "the highest bit of a length", announce(1 << 63), "close 1002" },
  -- UTF-8
  { "characters of two to four bytes", text(KOSME .. "\xF0\x9F\x98\x80"), "text " .. KOSME .. "\xF0\x9F\x98\x80" },
  { "a character over two fragments", text("\xCE", MORE) .. frame(0, "\xBA"), "text \xCE\xBA" },
  { "a character over four fragments",
    text("\xF0", MORE) .. frame(0, "\x9F", MORE) .. frame(0, "\x98", MORE) .. frame(0, "\x80"),
    "text \xF0\x9F\x98\x80" },
  { "a ping within a character", text("\xCE", MORE) .. frame(9, "") .. frame(0, "\xBA"), "pong, text \xCE\xBA" },
  { "the last code point", text "\xF4\x8F\xBF\xBF", "text \xF4\x8F\xBF\xBF" },
  { "code points that are no characters", text "\xEF\xBF\xBE\xEF\xBF\xBF",
    "text \xEF\xBF\xBE\xEF\xBF\xBF" },
  { "a byte of a character's middle", text "a\x80", "close 1007" },
  { "an impossible byte", text "a\xFE", "close 1007" },
  { "a surrogate", text "\xED\xA0\x80", "close 1007" },
  { "beyond the last code point", text "\xF4\x90\x80\x80", "close 1007" },
  { "a byte that only longer forms had", text "\xF8\x88\x80\x80\x80", "close 1007" },
  { "an overlong slash", text "\xC0\xAF", "close 1007" },
  { "an overlong form of three bytes", text "\xE0\x80\xAF", "close 1007" },
  { "an overlong form of four bytes", text "\xF0\x80\x80\xAF", "close 1007" },
  { "half a character", text "\xCE", "close 1007" },
  { "half a character at the end of fragments", text("a", MORE) .. frame(0, "\xE2\x82"), "close 1007" },
  { "a wrong byte in the second fragment", text("a", MORE) .. frame(0, "\xFF"), "close 1007" },
  { "a character that the next fragment breaks", text("\xCE", MORE) .. frame(0, "a"), "close 1007" },
  -- at once: the message is not whole
  { "a wrong byte in a fragment that is not the last", text("a\xFF", MORE), "close 1007" },
  { "a wrong byte of a frame that is not whole", text(KOSME .. "\xF4\x90" .. ("a"):rep(50)):sub(1, 20), "close 1007" },
  -- Close
  { "Close without a code", close(), "close", says_close = true },
  { "Close 1000", close(1000), "close 1000", says_close = true },
  { "Close with a reason", close(1000, "done"), "close 1000", says_close = true },
  { "the longest reason", close(1000, ("r"):rep(123)), "close 1000", says_close = true },
  { "a message before Close", text "a" .. close(1000), "text a, close 1000", says_close = true },
  { "a message behind Close", close(1000) .. text "a", "close 1000", says_close = true },
  { "a ping behind Close", close(1000) .. frame(9, "p"), "close 1000", says_close = true },
  { "two Closes", close(1000) .. close(1001), "close 1000", says_close = true },
  { "fragments behind Close", text("a", MORE) .. close(1000) .. frame(0, "b"), "close 1000", says_close = true },
  { "Close with one byte", frame(8, "\x03"), "close 1002" },
  { "a reason that is not UTF-8", close(1000, "a\xFF"), "close 1007" },
  { "half a character as a reason", close(1000, "\xCE"), "close 1007" },
  { "Close of 126 bytes", frame(8, "\x03\xE8" .. ("r"):rep(124)), "close 1002" },
}
for _, code in ipairs { 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 } do
  RULES[#RULES + 1] = { "Close " .. code, close(code), "close " .. code, says_close = true }
end
for _, code in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 } do
  RULES[#RULES + 1] = { ("Close %d, which must not be sent"):format(code), close(code), "close 1002" }
end

-- ------------------------------------------------------------------------------------------ longer ones --

local function add(rule) RULES[#RULES + 1] = rule end

for _, length in ipairs { 127, 128, 65535, 65536 } do
  local payload = ("*"):rep(length)
  add { ("a text of %d bytes"):format(length), text(payload), "text " .. payload, is_big = true }
  add { ("%d bytes"):format(length), frame(2, payload), "binary " .. payload, is_big = true }
end

do
  local long = ("BAsd7&jh23"):rep(6554):sub(1, 65536)
  local pieces = {}
  for at = 1, #long, 1300 do
    pieces[#pieces + 1] = frame(at == 1 and 1 or 0, long:sub(at, at + 1299), { more = at + 1300 <= #long })
  end
  add { "65536 bytes in fragments of 1300", table.concat(pieces), "text " .. long, is_big = true }
  local huge = ("x"):rep(1 << 18)
  add { "a message of 256 KiB, and one more, before Close, and a ping behind it",
    text(huge) .. text "Hello" .. close(1000) .. frame(9, ""), "text " .. huge .. ", text Hello, close 1000",
    says_close = true, is_big = true }
end

-- ---------------------------------------------------------------------- one wrong frame behind good ones --

local PING = frame(9, "p")

for _, opcode in ipairs { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 } do
  add { ("opcode %d"):format(opcode), frame(opcode, "") .. PING, "close 1002" }
  add { ("opcode %d with bytes behind a message"):format(opcode), text "a" .. frame(opcode, "reserved") .. PING,
    "text a, close 1002" }
end
for reserved = 1, 7 do
  local how = { reserved = reserved }
  add { ("reserved bits %d of a text"):format(reserved), text "a" .. text("b", how) .. PING, "text a, close 1002" }
  add { ("reserved bits %d of bytes"):format(reserved), frame(2, "b", how) .. PING, "close 1002" }
  add { ("reserved bits %d of a ping"):format(reserved), frame(9, "b", how) .. PING, "close 1002" }
  add { ("reserved bits %d of a pong"):format(reserved), frame(10, "b", how) .. PING, "close 1002" }
  add { ("reserved bits %d of Close"):format(reserved), frame(8, "\x03\xE8", how) .. PING, "close 1002" }
end

local two = text("fragment1", MORE) .. frame(0, "fragment2")

add { "a ping in two fragments", frame(9, "a", MORE) .. frame(0, "b"), "close 1002" }
add { "a pong in two fragments", frame(10, "a", MORE) .. frame(0, "b"), "close 1002" }
add { "nothing to continue, and a message", frame(0, "x") .. text "hello", "close 1002" }
add { "nothing to continue and more to come, and a message", frame(0, "x", MORE) .. text "hello", "close 1002" }
add { "two fragments, one more, and a message", two .. frame(0, "fragment3", MORE) .. text "fragment4",
  "text fragment1fragment2, close 1002" }
add { "twice: nothing to continue, with more to come, and two fragments", (frame(0, "x", MORE) .. two):rep(2),
  "close 1002" }
add { "twice: nothing to continue, and two fragments", (frame(0, "x") .. two):rep(2), "close 1002" }
add { "two texts in fragments, one within the other", text("a", MORE) .. text("b", MORE) .. frame(0, "c"),
  "close 1002" }
add { "five fragments with pings between", text("f1", MORE) .. frame(0, ",f2", MORE) .. frame(9, "1") ..
  frame(0, ",f3", MORE) .. frame(0, ",f4", MORE) .. frame(9, "2") .. frame(0, ",f5"),
  "pong 1, pong 2, text f1,f2,f3,f4,f5" }
add { "a pong that nobody asked for, empty", frame(10, "") .. PING, "pong p" }
add { "pongs before pings", frame(10, "x") .. PING .. frame(10, "") .. PING, "pong p, pong p" }
add { "a ping of bytes that are no text", frame(9, "\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF"),
  "pong \x00\xFF\xFE\xFD\xFC\xFB\x00\xFF" }

-- ----------------------------------------------------------------------------------------------- UTF-8 --

local VALID = {
  -- one, two, three and four bytes; the first and last of each length; the edges of the surrogates
  "hello$world", "hello\xC2\xA2world", "hello\xE2\x82\xACworld", "hello\xF0\xA4\xAD\xA2world", KOSME,
  "\x00", "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80", "\x7F", "\xDF\xBF", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF",
  "\xED\x9F\xBF", "\xEE\x80\x80",
}
for code = 0xFFF9, 0xFFFF do VALID[#VALID + 1] = utf8.char(code) end
for plane = 1, 16 do -- the last two code points of each are no characters, but have a form
  VALID[#VALID + 1] = utf8.char(plane << 16 | 0xFFFE)
  VALID[#VALID + 1] = utf8.char(plane << 16 | 0xFFFF)
end

local INVALID = {
  -- forms of five and six bytes, and beyond the last code point
  "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xF7\xBF\xBF\xBF", "\xFB\xBF\xBF\xBF\xBF",
  "\xFD\xBF\xBF\xBF\xBF\xBF", "\xF4\x90\x80\x80",
  -- continuations of nothing
  "\x80", "\xBF", "\x80\xBF", "\x80\xBF\x80", "\x80\xBF\x80\xBF\x80\xBF",
  -- the last byte is missing
  "\xC0", "\xE0\x80", "\xF0\x80\x80", "\xF8\x80\x80\x80", "\xFC\x80\x80\x80\x80", "\xDF", "\xEF\xBF", "\xF7\xBF\xBF",
  "\xFB\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF", "\xDF\xEF\xBF",
  -- bytes that never occur
  "\xFE", "\xFF", "\xFE\xFE\xFF\xFF",
  -- overlong: a slash, the longest ones, NUL
  "\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xF8\x80\x80\x80\xAF", "\xFC\x80\x80\x80\x80\xAF",
  "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF8\x87\xBF\xBF\xBF", "\xFC\x83\xBF\xBF\xBF\xBF",
  "\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF8\x80\x80\x80\x80", "\xFC\x80\x80\x80\x80\x80",
  -- surrogates, alone and in pairs
  "\xED\xA0\x80", "\xED\xAD\xBF", "\xED\xAE\x80", "\xED\xAF\xBF", "\xED\xB0\x80", "\xED\xBE\x80", "\xED\xBF\xBF",
  "\xED\xA0\x80\xED\xB0\x80", "\xED\xA0\x80\xED\xBF\xBF", "\xED\xAD\xBF\xED\xB0\x80", "\xED\xAF\xBF\xED\xBF\xBF",
  -- good text around a surrogate
  KOSME .. "\xED\xA0\x80edited",
}
for at = 1, #KOSME - 1 do -- each beginning of a text
  local part = KOSME:sub(1, at)
  table.insert(utf8.len(part) and VALID or INVALID, part)
end
for first, last in ("\xC0\xDF\xE0\xEF\xF0\xF7\xF8\xFB\xFC\xFD"):gmatch "(.)(.)" do -- first bytes, each alone
  local alone = {}
  for byte = first:byte(), last:byte() do alone[#alone + 1] = string.char(byte) .. " " end
  INVALID[#INVALID + 1] = table.concat(alone)
end

local function hexadecimal(bytes)
  return (bytes:gsub(".", function(byte) return ("%02X "):format(byte:byte()) end))
end

local function fragments(bytes)
  local list = { text("", MORE) }
  for byte in bytes:gmatch "." do list[#list + 1] = frame(0, byte, MORE) end
  return table.concat(list) .. frame(0, "")
end

do
  local whole, apart, answers = {}, {}, {}
  for i, bytes in ipairs(VALID) do whole[i], apart[i], answers[i] = text(bytes), fragments(bytes), "text " .. bytes end
  add { "text of every form", table.concat(whole), table.concat(answers, ", ") }
  add { "text of every form, each byte a fragment", table.concat(apart), table.concat(answers, ", ") }
end
for _, bytes in ipairs(INVALID) do
  add { "no text: " .. hexadecimal(bytes), text(bytes) .. PING, "close 1007" }
  add { "no text, each byte a fragment: " .. hexadecimal(bytes), fragments(bytes) .. PING, "close 1007" }
  add { "no text behind text: " .. hexadecimal(bytes), text(("a"):rep(17) .. bytes .. "zzz"), "close 1007" }
end
-- At once, before the message or the frame is whole.
add { "a fragment that no other can make right", text(KOSME, MORE) .. frame(0, "\xF4\x90", MORE), "close 1007" }
add { "half a frame that the rest cannot make right", text(KOSME .. "\xF4\x90" .. ("a"):rep(90)):sub(1, 25),
  "close 1007" }

return RULES
