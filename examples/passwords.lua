-- Accounts with passwords, whose hashing would hold up all other clients. Usage: lua passwords.lua [ADDRESS]
--
--   PUT /accounts/NAME          the password is the body; 201, or 409 when the name is taken
--   POST /accounts/NAME/login   204, or 403
--
--   curl -T - 127.0.0.1:7014/accounts/ann <<< secret; curl -d secret 127.0.0.1:7014/accounts/ann/login
--
-- To hash takes a quarter of a second, on purpose. So helper processes do it, one on each processor, and the loop
-- serves others meanwhile. A client that leaves cancels its hashing; a stop waits for those under way.

local http = require "lastcall.http"
local lastcall = require "lastcall"

package.path = (arg[0]:match "^(.*/)" or "./") .. "?.lua;" .. package.path -- the helpers find slow_hash there, too

local SECONDS = 10 -- how long a client may wait for its turn and its hash

local accounts = {}
local random = assert(io.open("/dev/urandom", "rb"))

--- Has the hash computed. Returns its result; or nil, and what to answer.
local function offload(...)
  local limited <close> = lastcall.context.with_timeout(nil, SECONDS)
  local result, code = limited:call(lastcall.offload, ...)
  if result ~= nil then return result end
  return nil, code == "timeout" and 503 or 500
end

local function register(name, password)
  if accounts[name] then return 409 end
  accounts[name] = "" -- the name is taken while its hash is computed
  local kept, status = offload("slow_hash.make", password, random:read(16))
  accounts[name] = kept
  return status or 201
end

local function login(name, password)
  local is_right, status = offload("slow_hash.is", password, accounts[name] or accounts[""])
  if status then return status end
  return accounts[name] and is_right and 204 or 403
end

local function answer(request)
  local name, action = request.path:match "^/accounts/(%w+)(/?%w*)$"
  local fn = ({ ["PUT "] = register, ["POST /login"] = login })[("%s %s"):format(request.method, action)]
  if not fn then return 404 end
  local password = request:body()
  if not password then return nil end -- lastcall answers what cannot be read
  if fn == login and accounts[name] == "" then return 403 end
  return fn(name, password)
end

local report = lastcall.run(function()
  -- A login for a name that nobody has takes as long as any other.
  accounts[""] = assert(lastcall.offload("slow_hash.make", "nobody", random:read(16)))
  local server = lastcall.assert(lastcall.listen(arg[1] or "127.0.0.1:7014"))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(answer, { ready = "/ready", max_body = 1024 }))
end)

print(report)
os.exit(report.ok)
