--- What the lives of faults_everywhere_spec.lua share: each is run in a Lua state of its own, in which one call
-- of the kernel fails. Whatever it is, each operation succeeds or says why, and the life ends in time.

local faults = require "spec_faults" -- before lastcall, whose loop in this state runs on it
local lastcall = require "lastcall"
local codes = require "spec.fuzz.codes"

local life = {}

local LONG = 60 -- seconds, of a clock that goes faster than the real one

--- The results of an operation; a failure must have a documented code and say what failed.
function life.try(value, code, message, ...)
  if value or value == nil and code == nil then return value, code, message, ... end
  codes.must_be_known(code)
  if type(message) ~= "string" then error(("nothing is said of '%s'"):format(code), 2) end
  return nil, code, message, ...
end

--- Runs `main(lastcall)` with bad luck from here on; everything has ended when it returns.
function life.live(main)
  local late
  local function whole()
    lastcall.spawn(function()
      if lastcall.sleep(LONG) then
        late = lastcall.dump()
        lastcall.shutdown(0)
      end
    end)
    main(lastcall)
    lastcall.shutdown()
  end
  local errors = {}
  faults.begin()
  local report = lastcall.run(whole, { signals = false, exit_when_stuck = false, max_block = false,
    drain = { timeout = 5, settle = 0.3, quiet = 0.1 }, log = function() end,
    on_error = function(err) errors[#errors + 1] = tostring(err) end })
  if late then error("it did not end: " .. late, 0) end
  if errors[1] then error("raised: " .. errors[1], 0) end
  if report.elapsed > LONG / 2 then error("the shutdown took " .. report.elapsed, 0) end
end

--- A server on `address` with `handler`, or nothing where it could not listen.
function life.serve(address, handler, options)
  local server = life.try(lastcall.listen(address, options)) or life.try(lastcall.listen(address, options))
  if not server then return end
  lastcall.spawn(function() life.try(server:serve(handler)) end)
  lastcall.sleep(0) -- it serves, before the life can be over
  return server
end

return life
