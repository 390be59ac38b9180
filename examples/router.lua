-- A router of 15 lines, as a start for your own. Usage: lua router.lua [ADDRESS]
--
--   curl 127.0.0.1:7012/users/ada; curl -d 'to=ada&text=hello' 127.0.0.1:7012/messages; curl 127.0.0.1:7012/messages/1

local http = require "lastcall.http"
local lastcall = require "lastcall"

-- route(METHOD, PATTERN, fn): fn gets the request, and what the pattern captures. A path is as it was sent: where a
-- part may have a %, take it from request:segments().
local routes = {}
local function route(method, pattern, fn) routes[#routes + 1] = { method, "^" .. pattern .. "$", fn } end

local function answer(request)
  local allowed = {}
  for _, one in ipairs(routes) do
    local captures = table.pack(request.path:match(one[2]))
    local fits = request.method == one[1] or request.method == "HEAD" and one[1] == "GET"
    if captures[1] and fits then return one[3](request, table.unpack(captures)) end
    if captures[1] then allowed[#allowed + 1] = one[1] end
  end
  if allowed[1] then return 405, { Allow = table.concat(allowed, ", ") }, "not with this method\n" end
  return 404, "nothing is here\n"
end

local messages = {}

route("GET", "/", function() return "users and messages\n" end)
route("GET", "/users/(%w+)", function(_, name) return "this is " .. name .. "\n" end)

route("GET", "/messages/(%d+)", function(_, number)
  return messages[tonumber(number)] or 404, "no such message\n"
end)

route("POST", "/messages", function(request)
  local form = request:form()
  if not form then return end -- lastcall answers what cannot be read
  if not (form.to and form.text) then return 400, "a message has the fields to and text\n" end
  messages[#messages + 1] = ("to %s: %s\n"):format(form.to, form.text)
  return 201, { Location = "/messages/" .. #messages }, #messages .. "\n"
end)

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(arg[1] or "127.0.0.1:7012"))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { max_body = 1 << 16 }))
end)

print(report)
os.exit(report.ok)
