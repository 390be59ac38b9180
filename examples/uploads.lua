-- Takes files over HTTP, and keeps them in a folder. Usage: lua uploads.lua [FOLDER [ADDRESS]]
--
--   PUT /NAME    a file of at most 1 GiB; 201 when it is new, else 204
--
--   curl -T picture.jpg 127.0.0.1:7014
--
-- A file of any size takes 64 KiB of memory. It has its name only when it is whole: one whose client goes away, or is
-- too slow, leaves nothing. When the server is told to stop, it finishes the uploads under way.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local folder, address = arg[1] or ".", arg[2] or "127.0.0.1:7014"

local function exists(path)
  local file = io.open(path, "rb")
  return file ~= nil and file:close()
end

--- Writes the body to the file, piece by piece. Returns whether it is whole; if not, what to answer, unless lastcall
-- does: 400, 408 or 413.
local function receive(request, file)
  local piece, code = request:read()
  while piece do
    local written, err = file:write(piece)
    if not written then return false, 507, err .. "\n" end
    piece, code = request:read()
  end
  return not code
end

local function put(request, name)
  local path = folder .. "/" .. name
  local part = ("%s/.%s.%d.part"):format(folder, name, request.id)
  local file, err = io.open(part, "wb")
  if not file then return 500, err .. "\n" end
  local _ <close> = setmetatable({}, { __close = function() os.remove(part) end }) -- unless it was renamed
  local is_whole, status, text = receive(request, file)
  local is_closed, late = file:close()
  if not is_whole then return status, text end
  if not is_closed then return 507, late .. "\n" end
  local is_new = not exists(path)
  assert(os.rename(part, path))
  return is_new and 201 or 204
end

local function answer(request)
  local parts = request:segments()
  local name = parts and #parts == 1 and parts[1]
  if not name or not name:find "^%w[%w._ -]*$" then return 400, "a name has letters, digits, and . _ - only\n" end
  if request.method ~= "PUT" then return 405, { Allow = "PUT" }, "PUT only\n" end
  return put(request, name)
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { ready = "/ready", max_body = 1 << 30, max_in_flight = 100 }))
end)

print(report)
os.exit(report.ok)
