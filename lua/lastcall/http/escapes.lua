--- The escapes of URLs and forms: %XX.

local escapes = {}

local function undo(hex) return string.char(tonumber(hex, 16)) end

--- Decodes %XX once. Returns nil when a % is not followed by two hexadecimal digits.
function escapes.decode(text)
  local rest = text:gsub("%%%x%x", "")
  if rest:find("%", 1, true) then return nil end
  return (text:gsub("%%(%x%x)", undo))
end

return escapes
