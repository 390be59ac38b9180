--- A supervised service for specs: its workers are children of the process that runs the spec.

local helper = require "spec.helper"

local supervised = {}

--- The command of workers that print nothing on stdout.
supervised.QUIETLY = { "sh", "-c", 'exec lua5.4 "$0" "$@" >/dev/null' }

local addresses = 0 -- so many were given
local made = {} -- paths of scripts

--- The path of a script with this text, which the next `run` removes in its end.
function supervised.script(text)
  local path = helper.write_file(text)
  made[#made + 1] = path
  return path
end

--- Puts another text in the place of a script, as a deployment does.
function supervised.replace(path, text)
  local file = assert(io.open(path .. ".new", "w"))
  file:write(text)
  file:close()
  assert(os.rename(path .. ".new", path))
end

--- An address for workers alone: the kernel does not give this port away.
function supervised.address()
  addresses = addresses + 1
  local pid = helper.pid()
  return ("127.%d.%d.%d:7099"):format(64 + pid // 256 % 128, pid % 256, addresses % 250 + 1)
end

--- Has a service in this run while `body(lastcall, service, log)` runs; the options are those of lastcall.supervise.
-- `log` has what the master has logged. Stops the service, and returns its report.
function supervised.within(lastcall, options, body)
  local log = {}
  local given = { workers = 2, probation = 0, drain = 5, start_timeout = helper.seconds(10), signals = false,
    log = function(level, event, fields) log[#log + 1] = { level = level, event = event, fields = fields or {} } end }
  for name, value in pairs(options) do given[name] = value end
  local service, code, reason = lastcall.supervise(given)
  if not service then error(("%s: %s"):format(code, reason), 0) end
  local fine, problem = xpcall(body, debug.traceback, lastcall, service, log)
  service:stop()
  local report = service:wait()
  if not fine then error(problem, 0) end
  return report
end

--- Removes the scripts that were made.
function supervised.forget()
  for _, path in ipairs(made) do os.remove(path) end
  made = {}
end

--- The same in a run of its own.
function supervised.run(options, body)
  local report
  local fine, problem = pcall(helper.task, function(lastcall)
    report = supervised.within(lastcall, options, body)
  end)
  supervised.forget()
  if not fine then error(problem, 0) end
  return report
end

--- The generation of the workers that serve.
function supervised.generation(service)
  local newest = 0
  for _, one in ipairs(service:status()) do newest = math.max(newest, one.generation) end
  return newest
end

--- The workers that serve.
function supervised.ready(service)
  local list = {}
  for _, one in ipairs(service:status()) do
    if one.state == "ready" then list[#list + 1] = one end
  end
  return list
end

--- Waits until fn() is true; what it is then.
function supervised.wait_until(lastcall, fn, seconds)
  local deadline = lastcall.now() + helper.seconds(seconds or 10)
  while lastcall.now() < deadline do
    local result = fn()
    if result then return result end
    lastcall.sleep(0.02)
  end
  error("it has not come about", 2)
end

--- What a new client is answered to a line; nil, code, message when it is not.
function supervised.ask(lastcall, address, line)
  local conn, code, message = lastcall.connect(address, { timeout = helper.seconds(5) })
  if not conn then return nil, code, message end
  conn:write(line, "\n")
  local answer
  answer, code, message = conn:read()
  conn:close(0)
  return answer, code, message
end

return supervised
