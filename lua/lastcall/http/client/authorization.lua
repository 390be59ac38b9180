--- Basic authorization: a name and a password as a header.

local escapes = require "lastcall.http.escapes"

local authorization = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digits_of(a, b, c)
  local number = a:byte() << 16 | (b:byte() or 0) << 8 | (c:byte() or 0)
  local text = ""
  for shift = 18, 0, -6 do
    local at = (number >> shift & 63) + 1
    text = text .. DIGITS:sub(at, at)
  end
  return text:sub(1, c ~= "" and 4 or b ~= "" and 3 or 2) .. (c ~= "" and "" or b ~= "" and "=" or "==")
end

--- The value of the header for "name:password".
function authorization.basic(text)
  return "Basic " .. text:gsub("(.)(.?)(.?)", digits_of)
end

--- The same for the user of a URL, whose escapes are undone; nil without one.
function authorization.of_user(user)
  if not user then return nil end
  if not user:find(":", 1, true) then user = user .. ":" end
  return authorization.basic(escapes.decode(user) or user)
end

return authorization
