-- scripts/test: early
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local QUIET = 1 -- seconds: the default

--- Starts the program in a manner, with options of a slow answer's seconds and `at`, a unix path; it and its address.
local function start(manner, options)
  options = options or {}
  local command = "%s lua5.4 bin/lastcall --drain %d spec/support/programs/by_hand.lua %s %.2f %s"
  local server = process.start(command:format(options.before or "", helper.seconds(options.drain or 20), manner,
    options.slow or 0, options.at or ""))
  local address = server:address()
  return server, options.at and "unix:" .. address or address
end

local function connect(address)
  return assert(lastcall.connect(address))
end

--- Clients of a program that is stopped: `silent` of them, which come first, and then some that have asked. Returns
-- their answers, how the silent ones ended, and what the program printed.
local function stop(manner, silent, asking, options)
  local server, address = start(manner, options)
  local ends, answers, took = {}, {}, nil
  helper.task(function()
    local quiet, busy = {}, {}
    for i = 1, silent do quiet[i] = connect(address) end
    if options and options.first then busy[1] = helper.ask(address, options.first) end
    for _ = 1, asking do busy[#busy + 1] = helper.ask(address, "word " .. #busy + 1) end
    lastcall.sleep(0.2) -- the program is at the first of them; it may be later, too
    local began = lastcall.now()
    server:signal "TERM"
    for i, conn in ipairs(busy) do
      local line, code = conn:read()
      while line == "hello" do line, code = conn:read() end
      answers[i] = line or code
      conn:close()
    end
    for i, conn in ipairs(quiet) do
      local line, code = conn:read()
      while line == "hello" do line, code = conn:read() end
      ends[i] = line or code
      conn:close()
    end
    took = lastcall.now() - began
  end)
  local output, fine = server:finish()
  assert.is_true(fine, output)
  assert.is_truthy(output:find("shutdown ok", 1, true), output)
  return answers, ends, output, took
end

local function list(count, make)
  local made = {}
  for i = 1, count do made[i] = make(i) end
  return made
end

local function answers_to(count) return list(count, function(i) return "you said word " .. i end) end
local function eofs(count) return list(count, function() return "eof" end) end

local function assert_nobody_lost(output)
  assert.is_truthy(output:find("nobody lost", 1, true) or output:find(helper.stopping.here().says, 1, true), output)
end

describe("a server that accepts by hand, stopped with a queue", function()
  local MANNERS = {
    { "serial", "TCP" }, { "serial", "unix" }, { "greeting", "TCP" }, { "workers", "TCP" }, { "workers", "unix" },
    { "select", "TCP" }, { "select", "unix" }, { "polling", "TCP" },
  }
  for _, one in ipairs(MANNERS) do
    local manner, at = one[1], one[2]
    it(("(%s, %s) answers all that have asked, and dismisses the silent after quiet"):format(manner, at), function()
      local options = at == "unix" and { at = helper.socket_path() } or nil
      local answers, ends, output, took = stop(manner, 5, 20, options)
      assert.same(answers_to(20), answers)
      assert.same(eofs(5), ends)
      assert_nobody_lost(output)
      assert.is_true(took < helper.seconds(10), took) -- half of the drain's time; the clients need some 2 s
    end)
  end

  it("hands out the queue in order while it works for each for some time", function()
    local answers, ends, output = stop("serial", 0, 10, { first = "slow", slow = 2 * QUIET })
    local expected = { "you said slow" }
    for i = 2, 11 do expected[i] = "you said word " .. i end
    assert.same(expected, answers)
    assert.same({}, ends)
    assert_nobody_lost(output)
  end)

  it("answers all also where not all fit into the table of descriptors, and leaves some to the script", function()
    for _, at in ipairs { "TCP", "unix" } do
      local options = at == "unix" and { at = helper.socket_path() } or {}
      options.before = "sh -c 'ulimit -n 50; exec \"$0\" \"$@\"'"
      local answers, ends, output = stop("serial", 3, 40, options)
      assert.same(answers_to(40), answers)
      assert.same(eofs(3), ends)
      assert_nobody_lost(output)
    end
  end)

  it("says that clients were lost that it never asks for", function()
    local server, address = start("once", { drain = 3 })
    local codes = {}
    helper.task(function()
      local clients = list(3, function() return helper.ask(address, "word") end)
      assert.equal("you said word", (clients[1]:read()))
      server:signal "TERM"
      for i = 2, 3 do codes[#codes + 1] = select(2, clients[i]:read()) end
      for _, conn in ipairs(clients) do conn:close() end
    end)
    local output = server:finish()
    assert.same({ "reset", "reset" }, codes)
    assert.is_truthy(output:find("not lossless", 1, true), output)
    assert.is_truthy(output:find("client not accepted address=" .. address, 1, true), output)
    assert.is_falsy(output:find("clean", 1, true), output)
  end)
end)
