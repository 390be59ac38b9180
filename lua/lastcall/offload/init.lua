--- offload: work that blocks, in a pool of helper processes.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"
local codec = require "lastcall.offload.codec"
local Pool = require "lastcall.offload.pool"

local offload = {}

local settings = {} -- of the run under way
local pool -- made by the first call

--- Begins a run with these options.
function offload.begin(given) settings = given or {} end

--- The run ends: so do the helpers.
function offload.conclude()
  if pool then pool:conclude() end
  pool = nil
end

local function check_name(name)
  if type(name) == "string" and name:find "^.+%.[^.]+$" then return end
  misuse.raise('offload: the first argument names a function in a module, such as "module.function", not %s',
    type(name) == "string" and ("%q"):format(name) or "a " .. type(name))
end

--- A helper while a call has it. If the call ends without its reply, so does the helper.
local Lease = {}
Lease.__index = Lease

function Lease:give_back()
  local worker = self.worker
  self.worker = nil
  if worker then self.pool:give_back(worker) end
end

function Lease:__close()
  if self.worker then self.pool:kill(self.worker) end
end

--- Has the function of the module called in a helper process, with copies of the arguments; returns copies of its
-- results. What it raises, this raises. Fails with "canceled", "timeout", "helper died", or why no helper can start.
function offload.call(name, ...)
  check_name(name)
  local arguments, problem = codec.encode("argument", select("#", ...), ...)
  if not arguments then misuse.raise("offload: %s: %s", name, problem) end
  core.expect_task "offload"
  pool = pool or Pool.new(settings)
  local what = "offload " .. name
  local worker, code, message = pool:take(what)
  if not worker then return nil, code, message end
  local lease <close> = setmetatable({ pool = pool, worker = worker }, Lease)
  local spot = core.spot()
  worker:begin(spot, string.pack("=I8", #name + 8 + #arguments), string.pack("=s8", name), arguments)
  local reply
  reply, code, message = spot:wait(what)
  if reply == nil then return nil, code, message end
  if not reply then return nil, "helper died", ("%s: %s"):format(what, worker:how_it_ended()) end
  lease:give_back()
  local values, n = codec.decode(reply, 2)
  if reply:sub(1, 1) == "E" then error(values[1], 0) end
  return table.unpack(values, 1, n)
end

return offload
