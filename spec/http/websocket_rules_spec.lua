-- scripts/test: fast clock
-- The rules of RFC 6455, one by one: what a server answers to frames that are legal, odd, or illegal.
local client = require "spec.support.http.client"
local frames = require "spec.support.http.frames"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local frame, text, close = frames.frame, frames.text, frames.close
local MORE = { more = true }
local KOSME = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5" -- a Greek word

local function echo(request, response)
  local ws = http.websocket(request, response, { max_message = 1000 })
  if not ws then return end
  for message, kind in ws:messages() do
    if kind == "text" then ws:send(message) else ws:send_binary(message) end
  end
end

--- Each rule: its name, what a client sends, what it gets then. A client that gets no Close itself says it, unless it
-- `says_close`.
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
  { "a length that announces too much", "\x82\xFF" .. (">I8"):pack(1 << 40) .. "mask", "close 1009" },
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
  { "a frame without a mask", frame(1, "a", { is_plain = true }), "close 1002" },
  { "a ping without a mask", frame(9, "", { is_plain = true }), "close 1002" },
  { "an empty frame without a mask", frame(2, "", { is_plain = true }), "close 1002" },
  { "a length of 16 bits that fits into 7", text("a", { form = 16 }), "close 1002" },
  { "a length of 64 bits that fits into 7", text("a", { form = 64 }), "close 1002" },
  { "a length of 64 bits that fits into 16", text(("a"):rep(500), { form = 64 }), "close 1002" },
  { "the highest bit of a length", "\x82\xFF" .. (">I8"):pack(1 << 63) .. "mask", "close 1002" },
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

--- What a client gets that sends `bytes` in these pieces.
local function answer_to(address, rule, pieces)
  local conn = frames.connect(address)
  for _, piece in ipairs(pieces) do
    if not conn:write(piece) then break end
    conn:flush()
  end
  local is_over = rule.says_close or rule[3]:find "^close" or rule[3]:find ", close"
  if not is_over then conn:write(close(1000)) end
  local answer = frames.rest(conn)
  conn:close()
  if not is_over then answer = answer:gsub(", close 1000, eof$", "") else answer = answer:gsub(", eof$", "") end
  return answer
end

local function byte_by_byte(bytes)
  local list = {}
  for i = 1, #bytes do list[i] = bytes:sub(i, i) end
  return list
end

describe("a rule of WebSocket", function()
  local function each(pieces_of)
    client.serving(echo, function(address)
      local group = lastcall.group()
      for _, rule in ipairs(RULES) do
        group:go(function()
          assert.equal(rule[1] .. ": " .. rule[3], rule[1] .. ": " .. answer_to(address, rule, pieces_of(rule[2])))
        end)
      end
      assert(group:wait())
    end, { log = function() end, max_connections = 500 })
  end

  it("holds for frames that come together", function() each(function(bytes) return { bytes } end) end)

  it("holds for frames that come byte by byte", function() each(byte_by_byte) end)

  it("holds for frames that come in halves", function()
    each(function(bytes) return { bytes:sub(1, #bytes // 2), bytes:sub(#bytes // 2 + 1) } end)
  end)
end)
