--- Where a filter refuses calls, as containers' do, lastcall says what it does not know.

local helper = require "spec.helper"

local deny = helper.program "deny"

local PROGRAM = [[
local lastcall = require "lastcall"
local function log(level, event, fields) print("log", level, event, fields and fields.cause) end
local report = lastcall.run(function()
  local server = assert(lastcall.listen("%s", %s))
  lastcall.spawn(server.serve, server, function() end)
  lastcall.sleep(0)
  %s
end, { signals = false, log = log })
print("hide", lastcall.features.hide, lastcall.features.hide_error)
print("sock_diag", lastcall.features.sock_diag, lastcall.features.sock_diag_error)
print("clean", report.clean)
print("lossless", report.lossless, report.stop[1].lossless, report.stop[1].unknown)
print(report)
]]

local function text_of(address, ending, options)
  return PROGRAM:format(address, options or "{}", ending or "lastcall.shutdown()")
end

--- What the program says where `what` is denied; pending where nothing can be.
local function denied(what, address, ending, options)
  local path = helper.write_file(text_of(address, ending, options))
  local output, _, status = helper.run(("%s %s -- lua5.4 %s"):format(deny, what, path))
  os.remove(path)
  if status == 77 then pending "no seccomp here" end
  return output
end

local function says(output, line) assert.is_truthy(output:find(line, 1, true), output) end

describe("where handshakes cannot be counted", function()
  local function is_not_known(output, event)
    helper.stopping.needs_hiding(pending)
    says(output, "log\twarning\t" .. (event or "stop unseen") .. "\tpermission denied")
    says(output, "sock_diag\tfalse\tpermission denied")
    says(output, "clean\tfalse")
    says(output, "lossless\tfalse\tfalse\ttrue")
    says(output, "not known whether somebody was lost")
  end

  it("a stop is not called lossless", function() is_not_known(denied("diag", "127.0.0.1:0")) end)

  it("nor one of a server by itself", function()
    is_not_known(denied("diag=13", "127.0.0.1:0", "server:shutdown() server:wait() lastcall.shutdown()"))
  end)

  it("nor that of a listener that is let go while the server serves on", function()
    is_not_known(denied("diag", "127.0.0.1:0", "server:unlisten() lastcall.sleep(1.2) lastcall.shutdown()"))
  end)

  it("nor one for which there was no time", function()
    is_not_known(denied("diag", "127.0.0.1:0", "lastcall.shutdown(0.5)"), "stop cut short")
    is_not_known(denied("diag", "127.0.0.1:0", "server:shutdown(0) server:wait()"), "stop cut short")
  end)

  it("one over unix-domain sockets is, for it has no handshakes", function()
    local output = denied("diag", "unix:" .. helper.socket_path())
    says(output, "lossless\ttrue\ttrue\tfalse")
    says(output, "clean\ttrue")
  end)
end)

describe("where no listener can be hidden", function()
  for number, name in pairs { [1] = "permission denied", [92] = "enoprotoopt" } do
    it("the warning has what the kernel said: " .. name, function()
      local output = denied("hide=" .. number, "127.0.0.1:0")
      says(output, "log\twarning\tstop degraded\t" .. name)
      says(output, "hide\tfalse\t" .. name)
      says(output, "lossless\tfalse\tfalse\tfalse")
    end)
  end

  for _, what in ipairs { "hide", "hide diag" } do
    it("it is not known whether one of a group, which is steered away from, loses somebody: " .. what, function()
      helper.stopping.needs_steering(pending)
      local output = denied(what, "127.0.0.1:0", nil, "{ reuseport = { index = 1, of = 2 } }")
      says(output, "log\twarning\tstop degraded\tpermission denied")
      says(output, "lossless\tfalse\tfalse\ttrue")
      says(output, "by steer")
      says(output, "not known whether somebody was lost")
    end)
  end
end)

describe("where loopback is down", function()
  it("the option that hides a listener is believed", function()
    local path = helper.write_file(text_of "0.0.0.0:0")
    local output, fine = helper.run(("unshare --user --map-root-user --net lua5.4 %s"):format(path))
    os.remove(path)
    if not fine then pending "no network namespace to be had here" end
    helper.stopping.needs_hiding(pending)
    says(output, "hide\ttrue\tfalse")
    says(output, "by hide")
  end)
end)
