local helper = require "spec.helper"

describe("pipe", function()
  -- A proxy in front of a server with `handler`: a client's connection to it; what pipe gives goes into `results`.
  local function through(lastcall, handler, results, options)
    local _, upstream = helper.serve(lastcall, handler)
    local _, address = helper.serve(lastcall, function(conn)
      local other <close> = assert(lastcall.connect(upstream))
      table.insert(results, table.pack(lastcall.pipe(conn, other, options)))
    end)
    return assert(lastcall.connect(address))
  end

  local function wait_for(lastcall, list)
    for _ = 1, 200 do
      if #list > 0 then return list[1] end
      lastcall.sleep(0.01)
    end
  end

  it("copies both ways, and passes half-closes on", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other)
        local body = other:read("a")
        other:write(#body, "\n")
      end, results)
      local block = ("x"):rep(100000)
      for _ = 1, 10 do assert(conn:write(block)) end
      conn:shutdown("write")
      assert.equal("1000000", conn:read())
      assert.equal("eof", select(2, conn:read()))
      assert.is_true(conn:close())
      assert.same({ 1000000, 8, n = 2 }, wait_for(lastcall, results))
    end)
  end)

  it("passes a reset on as a reset", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other)
        other:read()
        other:abort()
      end, results)
      conn:write("x\n")
      assert.equal("reset", select(2, conn:read()))
      local result = wait_for(lastcall, results)
      assert.is_nil(result[1])
      assert.equal("reset", result[2])
      assert.equal(2, result[4])
    end)
  end)

  it("ends after so long a silence when it is told to", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other) other:read() end, results, { timeout = 0.05 })
      assert.equal("timeout", wait_for(lastcall, results)[2])
      conn:close()
    end)
  end)

  it("is not ended by the silence of one side alone", function()
    helper.task(function(lastcall)
      local results = {}
      local conn = through(lastcall, function(other)
        for i = 1, 8 do
          other:write(i, "\n")
          other:flush()
          lastcall.sleep(0.05)
        end
      end, results, { timeout = 0.2 })
      for i = 1, 8 do assert.equal(tostring(i), conn:read()) end
      conn:close()
    end)
  end)

  it("raises for what is no connection", function()
    helper.task(function(lastcall)
      assert.error_matches(function() lastcall.pipe(1, 2) end, "argument 1 is a connection, not a number")
      assert.error_matches(function() lastcall.copy({}) end, "argument 1 is a connection, not a table")
      local here, there, server = helper.pair(lastcall)
      assert.error_matches(function() lastcall.pipe(nil, here) end, "argument 1 is a connection, not a nil")
      assert.error_matches(function() lastcall.copy(here) end, "argument 2 is a connection, not a nil")
      here:abort()
      there:abort()
      server:close()
    end)
  end)

  it("raises for one connection at both ends: it would read what it reads itself", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall)
      assert.error_matches(function() lastcall.pipe(here, here) end, "the same connection")
      here:abort()
      there:abort()
      server:close()
    end)
  end)

  it("raises where it was called, whichever side another task reads already", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall)
      local other, far, second = helper.pair(lastcall)
      for _, read_already in ipairs { here, other } do
        local reader = lastcall.go(function() return read_already:read_some() end)
        lastcall.sleep(0.01)
        local _, message = pcall(function() return (lastcall.pipe(here, other)) end)
        assert.matches("^spec/pipe_spec%.lua:%d+: conn:read_some: another task is already reading", message)
        reader:cancel()
        reader:wait()
      end
      for _, conn in ipairs { here, there, other, far } do conn:abort() end
      server:close()
      second:close()
    end)
  end)
end)

describe("copy", function()
  it("copies so many bytes and leaves the rest, or says how far it came", function()
    helper.task(function(lastcall)
      local _, source = helper.serve(lastcall, function(conn) conn:write("0123456789") end)
      local _, sink = helper.serve(lastcall, function(conn) conn:write(conn:read("a")) end)
      local from, to = assert(lastcall.connect(source)), assert(lastcall.connect(sink))
      assert.equal(4, lastcall.copy(to, from, 4))
      assert.equal("4", from:read(1))
      local count, code, _, copied = lastcall.copy(to, from, 100)
      assert.is_nil(count)
      assert.equal("eof", code)
      assert.equal(5, copied)
      to:shutdown("write")
      assert.equal("012356789", to:read("a"))
      from:close()
      to:close()
    end)
  end)
end)
