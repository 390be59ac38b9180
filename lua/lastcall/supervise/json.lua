--- Writes values as JSON, on one line.

local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function text(value)
  value = value:gsub('[%c"\\\127]', function(byte) return ESCAPES[byte] or ("\\u%04x"):format(byte:byte()) end)
  if not utf8.len(value) then value = value:gsub("[\128-\255]", "?") end
  return '"' .. value .. '"'
end

local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then return "null" end
  return math.type(value) == "integer" and ("%d"):format(value) or ("%.6g"):format(value)
end

local function list(values)
  local parts = {}
  for i, value in ipairs(values) do parts[i] = json.encode(value) end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- An object, whose fields are in the order of `names`; those that are nil are left out.
function json.object(values, names)
  local parts = {}
  for _, name in ipairs(names) do
    if values[name] ~= nil then parts[#parts + 1] = text(name) .. ":" .. json.encode(values[name]) end
  end
  return setmetatable({ text = "{" .. table.concat(parts, ",") .. "}" }, json)
end

--- A string, a number, a boolean, a list, or what json.object returned.
function json.encode(value)
  if type(value) == "string" then return text(value) end
  if type(value) == "number" then return number(value) end
  if getmetatable(value) == json then return value.text end
  if type(value) == "table" then return list(value) end
  return tostring(value)
end

return json
