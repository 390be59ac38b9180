local helper = require "spec.helper"

local socket = require "lastcall.socket"
local unix = require "lastcall.socket.unix"

-- The end of a program that uses lastcall.socket.

--- How long the shutdown of the script took, by its report. Its peers never close their side.
local function ending_of(program, script, ...)
  local path = helper.write_file(script)
  local output, _, status = helper.run(table.concat({ "lua5.4", program, path, ... }, " "))
  os.remove(path)
  return assert(tonumber(output:match "shutdown ok in (%d+%.%d+) s, clean"), output), output, status
end

describe("a client script whose peer keeps its side open", function()
  local peer, port
  before_each(function()
    peer = assert(socket.bind("127.0.0.1", 0)) -- nobody accepts: the kernel takes what the script sends
    port = select(2, peer:getsockname())
  end)
  after_each(function() peer:close() end)

  local SAY = 'local client = assert(require "socket".connect("127.0.0.1", arg[1])) client:send("hello\\n") '

  it("ends without a linger when the peer has everything", function()
    local took, output, status = ending_of("bin/lastcall", SAY .. "client:close()", port)
    assert.is_true(took < 2, output)
    assert.equal(0, status)
    local client = peer:accept()
    assert.equal("hello", client:receive())
    assert.same({ nil, "closed", "" }, { client:receive() })
    client:close()
  end)

  it("the same when the script leaves its connection open", function()
    local took, output = ending_of("bin/lastcall", SAY .. "kept = client", port)
    assert.is_true(took < 2, output)
  end)

  it("the same for a linger of the script's own", function()
    local took, output = ending_of("bin/lastcall", SAY ..
      "client:setoption('linger', {on = true, timeout = 20}) client:close()", port)
    assert.is_true(took < 2, output)
  end)

  it("the same at a path", function()
    local path = helper.socket_path()
    local at_path = unix.stream()
    assert(at_path:bind(path))
    assert(at_path:listen())
    local took, output = ending_of("bin/lastcall",
      'local client = require "socket.unix".stream() assert(client:connect(arg[1])) client:close()', path)
    at_path:close()
    os.remove(path)
    assert.is_true(took < 2, output)
  end)

  it("the same in a run with connections of lastcall", function()
    local took, output = ending_of("", [[
      local lastcall = require "lastcall"
      print(lastcall.run(function()
        local conn = assert(lastcall.connect("127.0.0.1:" .. arg[1]))
        conn:write "hello\n"
        conn:close "background"
      end))]], port)
    assert.is_true(took < 2, output)
  end)
end)
