-- Descriptors between lastcall and other programs, in storms, and in each step of a shutdown.
local helper = require "spec.helper"
local system = require "spec_system"

local function close(lastcall, fds)
  for _, fd in ipairs(fds) do assert.is_true(lastcall.close_fd(fd)) end
end

local PYTHON = [[
import array, os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])

def send(text, fds):
    peer.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

def receive():
    text, beside, flags, _ = peer.recvmsg(100, socket.CMSG_SPACE(16))
    fds = array.array("i")
    for level, kind, data in beside:
        fds.frombytes(data)
    return text, fds

reading, writing = os.pipe()
send(b"two pipe ends\n", [reading, writing])
peer.send(b"and a line\n")
text, fds = receive()
os.write(fds[0], b"from python")
peer.close()
print(text.decode(), len(fds))
]]

describe("a program in another language", function()
  it("gets descriptors from lastcall, and gives it some", function()
    local has_python = helper.run "python3 -c 'print(1)'"
    if not has_python:find "1" then return print "SKIP: there is no python3" end
    helper.task(function(lastcall)
      local path, script = helper.socket_path(), helper.write_file(PYTHON)
      local reading, writing = system.pipe()
      local line, count
      helper.serve(lastcall, function(conn)
        conn:receive_fds(2, 0)
        line = conn:read()
        local _, fds = conn:receive_fds(2, 0)
        count = #fds
        close(lastcall, fds)
        assert.equal("and a line", conn:read())
        conn:send_fds({ writing }, "yours")
        conn:read "a"
      end, { at = "unix:" .. path })
      local output, fine = helper.run_beside(lastcall, ("python3 %s %s"):format(script, path))
      assert(fine, output)
      assert.equal("yours 1\n", output)
      assert.same({ "two pipe ends", 2 }, { line, count })
      assert.equal("from python", system.read(reading))
      close(lastcall, { reading, writing })
      os.remove(script)
    end)
  end)
end)

describe("many connections at once", function()
  it("pass descriptors from hand to hand, and none is lost or left", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        while true do
          local bytes, fds, lost = conn:receive_fds(8)
          if not bytes then return end
          assert(not lost)
          if fds[1] then
            conn:send_fds(fds, bytes)
            close(lastcall, fds)
          else
            conn:write(bytes)
          end
        end
      end, { at = helper.abstract "storm" })
      local group = lastcall.group()
      for i = 1, 50 do
        group:go(function()
          local conn = assert(lastcall.connect(address))
          conn:receive_fds(8, 0)
          local expected, seen, size = 0, 0, 0
          for round = 1, 10 do
            local fds = {}
            for n = 1, (i + round) % 4 do fds[n] = 2 end
            expected = expected + #fds
            assert(conn:send_fds(fds, ("x"):rep(100 * round)))
            while size < 50 * round * (round + 1) do
              local bytes, back = assert(conn:receive_fds(8))
              size, seen = size + #bytes, seen + #back
              close(lastcall, back)
            end
          end
          assert.equal(expected, seen)
          conn:close()
        end)
      end
      group:wait()
      server:close()
    end)
  end)
end)

describe("descriptors that cannot be sent", function()
  local LARGE = ("x"):rep(1 << 21)

  -- A handler that sends a descriptor behind more than the kernel takes, to a client that does not read.
  local function stuck(lastcall, finish)
    local before, begun = helper.descriptors(), false
    local server, address = helper.serve(lastcall, function(conn)
      lastcall.go(function()
        begun = true
        conn:send_fds({ 2 }, "!")
      end)
      conn:write(LARGE)
    end, { at = helper.abstract "stuck", linger = 0.2, write_timeout = 60 })
    local conn = assert(lastcall.connect(address))
    repeat lastcall.sleep(0.002) until begun
    finish(server)
    conn:abort()
    server:close()
    assert.is_true(helper.descriptors() <= before)
  end

  it("are closed when the drain is over", function()
    helper.task(function(lastcall)
      stuck(lastcall, function(server)
        server:shutdown(0.2)
        while server:count() > 0 do lastcall.sleep(0.005) end
      end)
    end)
  end)

  it("are closed when their task is canceled, and the connection goes on", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall, { at = helper.abstract "canceled" })
      local filling = lastcall.go(function() return there:write(LARGE) end)
      lastcall.sleep(0)
      local before = helper.descriptors()
      local sending = lastcall.go(function() return there:send_fds({ 2, 2 }, "!") end)
      lastcall.sleep(0)
      assert.equal(before + 2, (helper.descriptors()))
      sending:cancel()
      helper.failure("canceled", sending:wait())
      assert.equal(before, (helper.descriptors()))
      assert.equal(LARGE, here:read(#LARGE))
      assert.is_true(filling:wait())
      for _, one in ipairs { here, there, server } do one:close() end
    end)
  end)

  it("keep their task waiting, and no number that another file gets meanwhile is sent", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall, { at = helper.abstract "reused" })
      here:receive_fds(4, 0)
      local reading, writing = system.pipe()
      local filling = lastcall.go(function() return there:write(LARGE) end)
      lastcall.sleep(0)
      local sending = lastcall.go(function() return there:send_fds({ writing }, "!") end)
      lastcall.sleep(0)
      system.close(writing)
      local other = system.open "/dev/null"
      assert.equal(writing, other)
      local size, fds = 0, {}
      while size <= #LARGE do
        local bytes, some = assert(here:receive_fds(4))
        size = size + #bytes
        table.move(some, 1, #some, #fds + 1, fds)
      end
      assert.is_true(filling:wait())
      assert.is_true(sending:wait())
      system.write(fds[1], "the pipe")
      assert.equal("the pipe", system.read(reading))
      close(lastcall, { fds[1], reading, other })
      for _, one in ipairs { here, there, server } do one:close() end
    end)
  end)
end)
