-- A service for notes over HTTP, as a start for your own. It logs each request; a hook saves all notes when the last
-- request is done. Usage: lua notes.lua [ADDRESS [FILE]]
--
--   GET /notes            a line for each note: its name and its first line (sent line by line)
--   POST /notes           a new note, from a form with the field "text" or from plain text; 201 and its place
--   GET /notes/NAME       the text
--   PUT /notes/NAME       a text of up to 64 KiB; 201 when it is new, else 204
--   DELETE /notes/NAME    204
--   GET /report           how many there are; it takes a second (a slow request, which a drain finishes)
--   GET /ready            for load balancers: 200, and 503 from SIGTERM on
--
--   curl -d text=hello 127.0.0.1:7005/notes; curl 127.0.0.1:7005/notes/1

local http = require "lastcall.http"
local lastcall = require "lastcall"

local address, path = arg[1] or "127.0.0.1:7005", arg[2]
if arg[3] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua notes.lua [ADDRESS [FILE]]\n")
  os.exit(2)
end

local notes = {}

local function load_notes()
  local file = path and io.open(path, "rb")
  if not file then return end
  for length, name in file:lines("n", "l") do notes[name:sub(2)] = file:read(length) end
  file:close()
end

-- Writes a new file and renames it over the old one, so that there is never half a file.
local function save_notes()
  local file = assert(io.open(path .. ".new", "wb"))
  for name, text in pairs(notes) do assert(file:write(#text, " ", name, "\n", text)) end
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

local function sorted(names)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local list, note, report = {}, {}, {}

-- A function as the body gives it piece by piece. Notes may come and go meanwhile.
function list.GET()
  local names, i = sorted(notes), 0
  return 200, function()
    repeat i = i + 1 until not names[i] or notes[names[i]]
    return names[i] and names[i] .. " " .. notes[names[i]]:match("^[^\r\n]*") .. "\n"
  end
end

-- A handler returns nothing when a body cannot be read: lastcall answers 400, 408 or 413.
function list.POST(request)
  local text
  if (request.headers["Content-Type"] or ""):find "^text/plain" then
    text = request:body()
  else
    local form = request:form()
    text = form and form.text
    if form and not text then return 400, "the form has no field \"text\"\n" end
  end
  if not text then return end
  local number = 1
  while notes[tostring(number)] do number = number + 1 end
  notes[tostring(number)] = text
  return 201, { Location = "/notes/" .. number }, number .. "\n"
end

function note.GET(_, name)
  if not notes[name] then return 404, "no such note\n" end
  return notes[name]
end

function note.PUT(request, name)
  if not name:find("^[%w_.-]+$") then return 400, "a name has letters, digits, and . _ - only\n" end
  local text = request:body()
  if not text then return end
  local status = notes[name] and 204 or 201
  notes[name] = text
  return status
end

function note.DELETE(_, name)
  if not notes[name] then return 404, "no such note\n" end
  notes[name] = nil
  return 204
end

function report.GET()
  local slept, code = lastcall.sleep(1)
  if not slept then return 503, code .. "\n" end
  return #sorted(notes) .. " notes\n"
end

local places = { ["notes"] = list, ["notes/NAME"] = note, ["report"] = report }
for _, methods in pairs(places) do methods.HEAD = methods.GET end

local function answer(request)
  local parts, _, message = request:segments()
  if not parts then return 400, message .. "\n" end
  local place, name = parts[1], parts[2]
  if name then place = place .. "/NAME" end
  local methods = not parts[3] and places[place]
  if not methods then return 404, "nothing is here\n" end
  local method = methods[request.method]
  if not method then return 405, { Allow = table.concat(sorted(methods), ", ") }, "not with this method\n" end
  return method(request, name)
end

local outcome = lastcall.run(function()
  load_notes()
  local server = lastcall.assert(lastcall.listen(address))
  if path then lastcall.on_shutdown("save", save_notes) end
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { ready = "/ready", max_body = 1 << 16, access_log = http.access_log() }))
end, { drain = 10 })

print(outcome)
os.exit(outcome.ok)
