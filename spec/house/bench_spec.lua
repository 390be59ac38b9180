-- scripts/test: alone
local helper = require "spec.helper"

package.path = "bench/?.lua;" .. package.path
local machine = require "machine"
local report = require "report"
local results = require "results"
local statistics = require "statistics"
local works = require "works"

--- The figures that the load generator prints of one server.
local function figures_of(options, server)
  local output, fine = helper.run(("%s --server-cpu -1 --load-cpu -1 %s -- %s"):format(
    helper.program "bench/load", options, server), 60)
  assert.is_true(fine, output)
  local figures = {}
  for name, number in output:gmatch "([%w_]+)=([-%d.e+]+)" do figures[name] = tonumber(number) end
  return figures, output
end

describe("the load generator", function()
  for _, server in ipairs { helper.program "bench/raw", "lua5.4 bench/rivals/lastcall.lua" } do
    it("measures, and loses nobody at, " .. server:match "[^/]*$", function()
      local figures, output = figures_of("--connections 8 --warm 0.05 --seconds 0.2 --idle 300 --slow 4", server)
      for _, name in ipairs { "rate", "cpu", "p50", "busy", "accept_cpu", "request_cpu", "close_cpu", "eof", "exit" } do
        assert.is_true((figures[name] or 0) > 0, name .. " in " .. output)
      end
      assert.is_true(figures.p50 <= figures.p99 and figures.p99 <= figures.p999, output)
      -- Eight connections, each waiting for its answer: this ties the rate to the latency.
      assert.is_true(figures.rate * figures.p50 / 1e6 < 16, output)
      for _, name in ipairs { "failed", "lost", "status" } do assert.equal(0, figures[name], output) end
    end)
  end

  it("checks what comes back: messages of any size, several under way, lines, a connection for each", function()
    for _, options in ipairs { "--size 65536 --depth 2", "--lines 16", "--close" } do
      local figures, output = figures_of("--connections 4 --warm 0.1 --seconds 0.1 " .. options,
        helper.program "bench/raw")
      assert.is_true(figures.rate > 0 and figures.failed == 0, output)
    end
    local _, fine = helper.run(helper.program "bench/load" .. " --connections 1 -- lua5.4 spec/support/line_server.lua "
      .. "127.0.0.1:0 5") -- answers something else
    assert.is_false(fine)
  end)

  it("speaks WebSocket: messages of any length", function()
    for _, options in ipairs { "--size 64", "--size 125 --depth 3", "--size 126", "--size 70000" } do
      local figures, output = figures_of("--connections 4 --websocket --warm 0.1 --seconds 0.1 " .. options,
        "lua5.4 bench/rivals/lastcall_websocket.lua")
      assert.is_true(figures.rate > 0 and figures.failed == 0 and figures.status == 0, output)
    end
    local _, fine = helper.run(helper.program "bench/load" .. " --connections 1 --websocket -- lua5.4 " ..
      "bench/rivals/lastcall_http.lua") -- answers 200
    assert.is_false(fine)
  end)

  it("sends bursts while the server stands still: to one process, and to several", function()
    local prefork = "lua5.4 examples/prefork.lua 127.0.0.1:0 2"
    for servers, server in ipairs { helper.program "bench/raw", prefork } do
      local figures, output = figures_of("--connections 8 --lines 4 --burst --seconds 0.002", server)
      for _, name in ipairs { "rate", "cpu", "busy" } do assert.is_true((figures[name] or 0) > 0, name .. output) end
      assert.is_true(math.abs(figures.capacity * figures.cpu / 1e6 / servers - 1) < 0.01, output)
    end
    local output, fine = helper.run(helper.program "bench/load" ..
      " --connections 1 --size 5 --lines 2 --burst -- lua5.4 spec/support/line_server.lua 127.0.0.1:0 5")
    assert.is_false(fine, output) -- it answers something else
  end)

  it("is told how long the turns were, by the processor time of the loop", function()
    local options = "--connections 4 --idle 50 --mark --seconds 0.05"
    for _, words in ipairs { "turns", "lines turns", "data turns" } do
      local figures, output = figures_of(options, "lua5.4 bench/rivals/lastcall.lua " .. words)
      assert.equal(0, figures.status, output)
      for _, name in ipairs { "longest_turn", "drain_turn" } do
        assert.is_true(figures[name] > 0 and figures[name] < helper.seconds(0.05) * 1e3, output)
      end
    end
  end)

  it("says how it is used", function()
    local output, _, status = helper.run(helper.program "bench/load" .. " --colour red -- true")
    assert.equal(2, status)
    assert.is_truthy(output:find("load: what is this: --colour\nusage: load", 1, true), output)
  end)
end)

describe("the figures of a run", function()
  it("are summed up by their median and quartiles, rounds without a value left out", function()
    assert.same({ median = 3, low = 2, high = 4, most = 5, count = 5 },
      statistics.summary { 5, 1, [4] = 3, [9] = 2, [7] = 4 })
    assert.is_nil(statistics.summary {})
    assert.is_nil(statistics.summary(nil))
  end)

  it("count the processors' time, and what of it was stolen", function()
    local all, stolen = machine.processor_time()
    assert.is_true(all > stolen and stolen >= 0)
    local deadline = os.time() + 10
    repeat local later = machine.processor_time() until later > all or os.time() > deadline
    assert.is_true(machine.processor_time() > all)
  end)

  it("are compared within each round", function()
    local ratio = statistics.ratio({ 10, 30, [3] = 50, [4] = 7 }, { 10, 20, [4] = 0 })
    assert.same({ 1.25, 2 }, { ratio.median, ratio.count })
  end)

  it("stand beside what they have to be, with a copy of the reference and the sketch", function()
    local work = {
      name = "a work", kind = "traffic", servers = { "raw C", "raw C again", "sketch", "lastcall" },
      bars = { { "lastcall", "raw C", "cpu", at_most = 1.1 }, { "lastcall", "sketch", "cpu", at_most = 1.1 },
        { "lastcall", nil, "memory", at_least = 2 }, { "lastcall", "raw C", "p99", at_most = 1 } },
    }
    local values = { ["raw C"] = { cpu = { 2, 2 } }, ["raw C again"] = { cpu = { 3, 1 } },
      sketch = { cpu = { 2, 2 } }, lastcall = { cpu = { 2, 2.2 }, memory = { 1 } } }
    local found = setmetatable({ all = { ["a work"] = values } }, results)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w+"))
    os.remove(path)
    report.write(file, found, { work })
    file:seek "set"
    local text = file:read "a"
    for _, line in ipairs {
      "| processor time | 1.05 (1.02 to 1.08) | ≤ 1.1 | met | 1.00 (0.75 to 1.25) | 1.00 (1.00 to 1.00) |\n",
      "| sketch | processor time | 1.05 (1.02 to 1.08) | ≤ 1.1 | met |  |  |\n",
      "| bytes each | 1 (1 to 1) | ≥ 2 | **not met** |  |  |\n",
      "| p99 |  | ≤ 1 | not measured here |  |  |\n",
      "\n2 of 3 met.\n",
    } do assert.is_truthy(text:find(line, 1, true), text) end
    assert.is_truthy(os.getenv "SKETCH" or works.servers.sketch.lacks:find "SKETCH=FOLDER was not given")
  end)

  it("are read back as they were written down", function()
    local path = os.tmpname()
    local written = results.create(path, "some machine")
    written:add("a work", "a server", 1, { rate = 12345.5 })
    written:add("a work", "a server", 2, { rate = 0.001 })
    written.file:close()
    local read = results.load(path)
    os.remove(path)
    assert.equal("some machine", read.heading)
    assert.same({ 12345.5, 0.001 }, read:values("a work", "a server", "rate"))
    assert.is_nil(read:values("a work", "another", "rate"))
  end)
end)
