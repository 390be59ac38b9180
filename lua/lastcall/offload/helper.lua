--- The program of a helper: it calls functions of modules, one after the other, until its requests end.
--
-- Requests come by descriptor 3, and replies go by descriptor 4, each as its length in 8 bytes and the bytes. So what
-- a function prints goes to standard output, and does no harm. A request is the name of a function, and its arguments.
-- A reply is "V" and the results, or "E" and the error, with a traceback where it is a string.
--
-- Arguments of the program: the path of codec.lua, then package.path and package.cpath.

local codec_path, path, cpath = ...

package.path, package.cpath = path, cpath
for i in pairs(arg) do arg[i] = i == 0 and arg[0] or nil end -- luacheck: ignore 122

local codec = dofile(codec_path)
local requests, replies = assert(io.open("/dev/fd/3", "rb")), assert(io.open("/dev/fd/4", "wb"))
replies:setvbuf "full"

--- The function of a name such as "module.function".
local function find(name)
  local module, field = name:match "^(.+)%.([^.]+)$"
  local loaded = require(module)
  local fn = type(loaded) == "table" and loaded[field] or nil
  if type(fn) ~= "function" then
    error(("the module '%s' has no function '%s'"):format(module, field), 0)
  end
  return fn
end

local OWN = debug.getinfo(1, "S").short_src

--- A string gets the traceback as far as this file.
local function with_traceback(err)
  if type(err) ~= "string" then return err end
  local lines = { err, "in a helper of lastcall.offload:" }
  for line in debug.traceback(nil, 2):gmatch "\n([^\n]*)" do
    if line:find(OWN, 1, true) then break end
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n")
end

local function call(name, ...) return find(name)(...) end

local function answer(fine, ...)
  local bytes, problem = codec.encode(fine and "result" or "error", select("#", ...), ...)
  if not bytes and not fine then -- an error that cannot go over as it is
    bytes = codec.encode("error", 1, tostring((...)))
  elseif not bytes then
    fine, bytes = false, codec.encode("error", 1, problem)
  end
  io.stdout:flush() -- a helper may be killed as soon as it has replied
  assert(replies:write(string.pack("=I8", #bytes + 1), fine and "V" or "E", bytes))
  assert(replies:flush())
end

while true do
  local head = requests:read(8)
  if not head then break end
  local bytes = requests:read((string.unpack("=I8", head)))
  if not bytes then break end
  local name, at = string.unpack("=s8", bytes)
  local values, n = codec.decode(bytes, at)
  answer(xpcall(call, with_traceback, name, table.unpack(values, 1, n)))
end
