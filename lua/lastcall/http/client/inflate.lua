--- Bodies that are compressed by gzip, where the library lua-zlib is there.

local found, zlib = pcall(require, "zlib")

local inflate = {
  is_there = found and type(zlib) == "table" and tostring(zlib._VERSION):find "^lua%-zlib" ~= nil,
}

-- Compressed bytes at a time. They become half a mebibyte at most: neither memory nor a turn of the loop is unbounded.
local PORTION = 512
local GZIP = 31 -- of zlib's window bits: gzip alone

local Inflater = {}
Inflater.__index = Inflater

function inflate.new() return setmetatable({ input = "", at = 1, taken = 0 }, Inflater) end

--- Sees to it that there is input. Returns true; nil at the end; or nil, code, message.
local function need_input(self, next_piece)
  while self.at > #self.input do
    local piece, code, message = next_piece()
    if code then return nil, code, message end
    if not piece then
      if not self.member then return nil end
      return nil, "eof", "the compressed body is cut"
    end
    self.input, self.at = piece, 1
  end
  return true
end

--- Inflates a portion. A body may have several members, one behind the other. Returns nil when this is no gzip.
local function step(self)
  if not self.member then self.member, self.taken = zlib.inflate(GZIP), 0 end
  local portion = self.input:sub(self.at, self.at + PORTION - 1)
  local fine, bytes, is_over, taken = pcall(self.member, portion)
  if not fine then return nil end
  self.at = self.at + taken - self.taken
  self.taken = taken
  if is_over then self.member = nil end
  return bytes
end

--- The next bytes, of the pieces that `next_piece` gives; nil at the end; or nil, code, message.
function Inflater:read(next_piece)
  while true do
    local has_input, code, message = need_input(self, next_piece)
    if not has_input then return nil, code, message end
    local bytes = step(self)
    if not bytes then return nil, "invalid", "the body is not what gzip makes" end
    if bytes ~= "" then return bytes end
  end
end

return inflate
