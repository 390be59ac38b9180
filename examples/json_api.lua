-- A list of things to do, as a JSON API. Usage: lua json_api.lua [ADDRESS]
--
--   GET /todos          all: [{"id": 1, "title": "...", "done": false}, ...]
--   POST /todos         a new one: {"title": "..."}; 201 and its place
--   GET /todos/ID       one
--   PATCH /todos/ID     changes it: {"title": "..."}, {"done": true}, or both
--   DELETE /todos/ID    204
--
--   curl -d '{"title": "sleep"}' 127.0.0.1:7013/todos; curl 127.0.0.1:7013/todos
--
-- It needs a JSON library: lua-cjson or lua-dkjson of Debian, or the rocks of these names.

local http = require "lastcall.http"
local lastcall = require "lastcall"

local function library()
  for _, name in ipairs { "cjson", "dkjson" } do
    local found, json = pcall(require, name)
    if found then return json end
  end
  io.stderr:write("json_api: there is neither lua-cjson nor lua-dkjson\n")
  os.exit(1)
end
local json = library()

local todos, last_id = {}, 0

local JSON = { ["Content-Type"] = "application/json" }
local function reply(status, value) return status, JSON, json.encode(value) end
local function refusal(status, why) return reply(status, { error = why }) end

--- The JSON of the body, checked; or nothing, and what to answer.
local function change_of(request)
  local text = request:body()
  if not text then return nil end -- lastcall answers what cannot be read
  local fine, value = pcall(json.decode, text)
  if not fine or type(value) ~= "table" then return nil, "the body is no JSON object" end
  if value.title ~= nil and type(value.title) ~= "string" then return nil, "a title is a string" end
  if value.done ~= nil and type(value.done) ~= "boolean" then return nil, "done is true or false" end
  return value
end

local all, one = {}, {}

function all.GET()
  local list = {}
  for id = 1, last_id do
    if todos[id] then list[#list + 1] = json.encode(todos[id]) end
  end
  return 200, JSON, "[" .. table.concat(list, ",") .. "]" -- an empty table would become {}
end

function all.POST(request)
  local given, why = change_of(request)
  if why then return refusal(400, why) end
  if not given then return end
  if not given.title then return refusal(400, "it has no title") end
  last_id = last_id + 1
  todos[last_id] = { id = last_id, title = given.title, done = given.done or false }
  return 201, { ["Content-Type"] = JSON["Content-Type"], Location = "/todos/" .. last_id }, json.encode(todos[last_id])
end

function one.GET(_, todo) return reply(200, todo) end

function one.PATCH(request, todo)
  local given, why = change_of(request)
  if why then return refusal(400, why) end
  if not given then return end
  if given.title ~= nil then todo.title = given.title end
  if given.done ~= nil then todo.done = given.done end
  return reply(200, todo)
end

function one.DELETE(_, todo)
  todos[todo.id] = nil
  return 204
end

local function answer(request)
  local id = request.path:match "^/todos/(%d+)$"
  local todo = id and todos[tonumber(id)]
  local methods = todo and one or request.path == "/todos" and all
  if not methods then return refusal(404, "nothing is here") end
  local method = methods[request.method == "HEAD" and "GET" or request.method]
  if not method then return refusal(405, "not with this method") end
  return method(request, todo)
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(arg[1] or "127.0.0.1:7013"))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { ready = "/ready", max_body = 1 << 16 }))
end)

print(report)
os.exit(report.ok)
