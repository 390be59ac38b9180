-- The output handler with which scripts/test runs busted.
--
-- Writes one line for each event at once, to the file that the environment variable
-- LASTCALL_RESULTS names. So output of a spec cannot be mistaken for a result, and
-- after a crash the file has the name of the test that was running:
--   run <where>: <name>          passed <name>        failed <name>
--   skipped <name>: <reason>     | <a line about the failure above>      end

return function(options)
  local busted = require "busted"
  local pretty = require "pl.pretty"
  local handler = require "busted.outputHandlers.base"()
  local results = assert(io.open(assert(os.getenv "LASTCALL_RESULTS"), "w"))
  results:setvbuf "line"

  local function one_line(text)
    return (tostring(text):gsub("%s+", " "))
  end

  local function put(kind, text)
    results:write(kind, " ", one_line(text), "\n")
  end

  local function text_of(message)
    if message == nil then return "an error without a value" end
    return type(message) == "string" and message or pretty.write(message)
  end

  local function put_failure(name, found)
    put("failed", name)
    local trace = found.trace or {}
    local text = text_of(found.message)
    if options.verbose and trace.traceback and not text:find("stack traceback", 1, true) then
      text = text .. "\n" .. trace.traceback:gsub("^\n", "")
    end
    for line in text:gmatch "[^\n]+" do
      results:write("| ", line, "\n")
    end
  end

  function handler.testStart(element)
    local trace = element.trace or {}
    local where = ("%s:%s"):format(trace.short_src or "?", trace.currentline or "?")
    put("run", where .. ": " .. handler.getFullName(element))
    return nil, true
  end

  function handler.testEnd(element, _, status)
    local name = handler.getFullName(element)
    if status == "success" then
      put("passed", name)
    elseif status == "pending" then
      local found = handler.pendings[#handler.pendings]
      put("skipped", name .. ": " .. text_of(found and found.message or "no reason given"))
    elseif status == "failure" then
      put_failure(name, handler.failures[#handler.failures])
    else
      put_failure(name, handler.errors[#handler.errors])
    end
    return nil, true
  end

  -- Errors outside a test: in a file, a describe, a setup or a teardown.
  function handler.elsewhere(element)
    if element.descriptor ~= "it" then
      put_failure(handler.getFullName(element), handler.errors[#handler.errors])
    end
    return nil, true
  end

  function handler.suiteEnd()
    if os.getenv "LASTCALL_LEAKS" then require("spec_system").find_leaks() end
    results:write "end\n"
    return nil, true
  end

  busted.subscribe({ "test", "start" }, handler.testStart)
  busted.subscribe({ "test", "end" }, handler.testEnd)
  busted.subscribe({ "error" }, handler.elsewhere)
  busted.subscribe({ "failure" }, handler.elsewhere)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
