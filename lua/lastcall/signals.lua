--- Signals: those that begin the shutdown, and those for which a script has a function.

local core = require "lastcall.core"
local misuse = require "lastcall.misuse"

local signals = {}

local functions = {} -- name -> list of {fn}
local defaults = {} -- name -> fn: what happens while the script has no function for it
local climbing = {} -- name -> true: it begins the shutdown; or a function, which decides that

--- Makes each of these signals begin the shutdown, or hurry the one under way; or call `instead()`. From then on
-- SIGPIPE does nothing.
function signals.climb(names, instead)
  core.deaf_to_pipes(true)
  for _, name in ipairs(names) do
    local known, canonical = pcall(core.signal_name, name)
    if known and functions[canonical] then
      error(("run: %s has a function already, by on_signal; leave it out of the option `signals`"):format(canonical), 0)
    end
    local fine, result = pcall(core.signal, name, instead and "tell" or "climb")
    if not fine then error("run: " .. result, 0) end
    climbing[result] = instead or true
  end
end

local function give_back(name)
  functions[name], climbing[name], defaults[name] = nil, nil, nil
  core.signal(name)
end

--- Restores what every signal did before, because the functions belong to one run.
function signals.forget()
  for name in pairs(climbing) do give_back(name) end
  for name in pairs(functions) do give_back(name) end
  for name in pairs(defaults) do give_back(name) end
  core.deaf_to_pipes(false)
end

--- Runs `fn(name)` as a task when the signal arrives and the script has no function for it. Does nothing
-- if the signal belongs to another loop of the process, or begins the shutdown.
function signals.by_default(name, fn)
  if not climbing[name] and pcall(core.signal, name, "tell") then defaults[name] = fn end
end

--- Lets another run of this process have the signals; the functions of the script stay.
function signals.give_way()
  for name in pairs(climbing) do give_back(name) end
  for name in pairs(defaults) do
    if functions[name] then defaults[name] = nil else give_back(name) end
  end
end

local function remove(name, entry)
  local list = functions[name] or {}
  for i, one in ipairs(list) do
    if one == entry then
      table.remove(list, i)
      if #list == 0 and defaults[name] then functions[name] = nil
      elseif #list == 0 then give_back(name) end
      return true
    end
  end
  return false
end

--- Runs `fn(name)` as a process-owned task each time the signal arrives (several that arrive together
-- count once). Returns a function that ends this; it returns true if `fn` was still registered.
function signals.on_signal(name, fn)
  misuse.check_function(fn, "on_signal", "the second argument")
  local known, canonical = pcall(core.signal_name, name)
  if not known then misuse.raise("on_signal: %s", canonical) end
  if climbing[canonical] then
    misuse.raise("on_signal: %s begins the shutdown; leave it out of run's option `signals` to use it", canonical)
  end
  if not functions[canonical] then
    local fine, problem = pcall(core.signal, canonical, "tell")
    if not fine then misuse.raise("on_signal: %s", problem) end
    functions[canonical] = {}
  end
  local entry = { fn = fn }
  table.insert(functions[canonical], entry)
  return function() return remove(canonical, entry) end
end

core.set_hook("on_signal", function(name)
  if climbing[name] then return climbing[name]() end
  if not functions[name] and defaults[name] then core.spawn(defaults[name], name) end
  for _, entry in ipairs(functions[name] or {}) do core.spawn(entry.fn, name) end
end)

return signals
