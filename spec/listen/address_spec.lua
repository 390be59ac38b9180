local helper = require "spec.helper"
local lastcall = require "lastcall"

local function listen(where, options) return lastcall.listen(where, options) end

--- Listens inside a run; what listen gave, and what server:addresses says.
local function listened(where, options)
  local first, code, message, addresses
  helper.task(function()
    first, code, message = listen(where, options)
    if first then addresses = first:addresses() end
  end)
  return first, code, message, addresses
end

local function has_ipv6()
  local file = io.open "/proc/net/if_inet6"
  local text = file and file:read("a") or ""
  if file then file:close() end
  return text ~= ""
end

--- One exchange with the server at `address`.
local function reaches(address)
  local conn = assert(lastcall.connect(address))
  local line = conn:read()
  conn:close()
  return line
end

local function greet(conn) conn:write("hello\n") end

describe("an address to listen on", function()
  it("is host:port, and 0 is any free port", function()
    local server, _, _, addresses = listened "127.0.0.1:0"
    assert.is_truthy(server)
    assert.equal(1, #addresses)
    local port = addresses[1]:match "^127%.0%.0%.1:(%d+)$"
    assert.is_true(tonumber(port) > 0)
  end)

  it("is [v6]:port", function()
    if not has_ipv6() then pending "this machine has no IPv6" end
    local _, _, _, addresses = listened "[::1]:0"
    assert.is_truthy(addresses[1]:match "^%[::1%]:%d+$")
  end)

  for _, every in ipairs { ":0", "*:0" } do
    it(every .. " is every interface, for IPv4 and IPv6 at once", function()
      helper.task(function()
        local server = assert(listen(every))
        lastcall.spawn(function() server:serve(greet) end)
        local port = server:addresses()[1]:match ":(%d+)$"
        assert.equal("hello", reaches("127.0.0.1:" .. port))
        if has_ipv6() then assert.equal("hello", reaches("[::1]:" .. port)) end
      end)
    end)
  end

  it("is a name that is looked up", function()
    helper.task(function()
      local server = assert(listen "localhost:0")
      lastcall.spawn(function() server:serve(greet) end)
      assert.is_truthy(server:addresses()[1]:match "^127%.0%.0%.1:%d+$"
        or server:addresses()[1]:match "^%[::1%]:%d+$")
      assert.equal("hello", reaches(server:addresses()[1]))
    end)
  end)

  it("is unix:/path, and the path is gone afterwards", function()
    local path = os.tmpname()
    os.remove(path)
    local _, _, _, addresses = listened("unix:" .. path)
    assert.same({ "unix:" .. path }, addresses)
    assert.is_nil(io.open(path))
    assert.is_nil((os.rename(path, path)))
  end)

  it("is unix:@name, in no folder at all", function()
    helper.task(function()
      local name = ("unix:@lastcall spec %d"):format(helper.pid())
      local server = assert(listen(name))
      lastcall.spawn(function() server:serve(greet) end)
      assert.same({ name }, server:addresses())
      assert.equal("hello", reaches(name))
    end)
  end)

  local mistakes = {
    [""] = "it is empty",
    ["127.0.0.1"] = "it has no port",
    ["127.0.0.1:"] = "port",
    ["127.0.0.1:65536"] = "65535",
    ["127.0.0.1:-1"] = "port",
    ["127.0.0.1:http"] = "port",
    ["::1:80"] = "put an IPv6 address in brackets",
    ["[::1:80"] = "the bracket is not closed",
    ["[::1]"] = "no port follows",
    ["[localhost]:80"] = "brackets are for those alone",
    ["http://localhost:80"] = "looks like a URL",
    ["/run/x.sock"] = 'write "unix:" in front of it',
    ["unix:"] = "path",
    ["local host:80"] = "a space",
    ["a\0b:80"] = "a zero byte",
    [("x"):rep(256) .. ":80"] = "too long",
    ["unix:/" .. ("x"):rep(108)] = "long",
  }

  for text, reason in pairs(mistakes) do
    it(("%q raises, and says what is wrong: %s"):format(text:sub(1, 30):gsub("%c", "?"), reason), function()
      local fine, err = pcall(listen, text)
      assert.is_false(fine)
      assert.is_truthy(err:find(reason, 1, true), err)
      assert.is_truthy(err:find("listen: ", 1, true), err)
    end)
  end

  it("of a wrong type raises, at the line that said so", function()
    local fine, err = pcall(function() listen(7000) end)
    assert.is_false(fine)
    assert.is_truthy(err:find("address_spec.lua:%d+: listen: an address is a string"), err)
  end)

  it("that is a mistake leaves no server behind that a run would wait for", function()
    local report = helper.task(function()
      assert.is_false((pcall(listen, "nonsense")))
      assert.is_false((pcall(listen, "127.0.0.1:0", { control = function() error "no" end })))
      assert.is_nil((listen "127.0.0.1:0" or nil) and nil)
    end, { drain = helper.seconds(5) })
    assert.is_true(report.elapsed < helper.seconds(2), tostring(report))
  end)

  it("that nobody listens to any more is no server of the run's", function()
    local began = lastcall.now()
    lastcall.run(function()
      pcall(listen, "nonsense")
      pcall(listen, "127.0.0.1:0", { control = function() error "no" end })
    end, { signals = false, drain = helper.seconds(10) })
    assert.is_true(lastcall.now() - began < helper.seconds(5))
  end)
end)

describe("an address that cannot be had", function()
  it("is in use: the message names it", function()
    helper.task(function()
      local first = assert(listen "127.0.0.1:0")
      local address = first:addresses()[1]
      local server, code, message = listen(address)
      assert.is_nil(server)
      assert.equal("address in use", code)
      assert.is_truthy(message:find(address, 1, true), message)
    end)
  end)

  it("is not this machine's", function()
    local server, code, message = listened "192.0.2.1:0"
    assert.is_nil(server)
    assert.equal("address not available", code)
    assert.is_truthy(message:find("192.0.2.1:0", 1, true), message)
  end)

  it("is a name that nobody knows", function()
    local server, code, message = listened "no-such-host.invalid:0"
    assert.is_nil(server)
    assert.equal("host not found", code)
    assert.is_truthy(message:find("no-such-host.invalid", 1, true), message)
  end)

  it("is a name that cannot be looked up for lack of descriptors: that is said, in a task and outside", function()
    local output, fine = helper.run([[sh -c 'ulimit -n 16; exec lua5.4 -e "
      local lastcall = require [=[lastcall]=]
      local held = {}
      local function starved()
        repeat
          local file = io.open([=[/dev/null]=])
          held[#held + 1] = file
        until not file
        return (select(2, lastcall.listen([=[localhost:0]=])))
      end
      local inside
      lastcall.run(function()
        pcall(lastcall.connect, [=[localhost:1]=]) -- the thread that asks is there
        inside = starved()
      end)
      print(inside, starved())"']])
    assert.is_true(fine, output)
    assert.equal("emfile\temfile\n", output)
  end)

  it("is in a folder that is not there", function()
    local server, code = listened "unix:/nonexistent/x.sock"
    assert.is_nil(server)
    assert.equal("enoent", code)
  end)

  it("is a file that is no socket: it is left alone", function()
    local path = os.tmpname()
    local server, code = listened("unix:" .. path)
    assert.is_nil(server)
    assert.equal("address in use", code)
    assert.is_truthy(os.remove(path))
  end)

  it("is not permitted", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute(("mkdir -m 555 %s"):format(folder)))
    local drop = helper.run("id -u"):match "^0" and "setpriv --bounding-set=-dac_override,-net_bind_service " or ""
    local output, fine = helper.run(drop .. ([[lua5.4 -e '
      local lastcall = require "lastcall"
      print(lastcall.listen("unix:%s/x.sock"))
      print(lastcall.listen("127.0.0.1:1"))']]):format(folder))
    os.execute("rmdir " .. folder)
    assert.is_true(fine, output)
    assert.is_truthy(output:find(("nil\tpermission denied\tunix:%s/x.sock: listen: "):format(folder), 1, true), output)
    local first = io.open "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    local least = first and first:read("n") or 1024
    if first then first:close() end
    if least > 1 then
      assert.is_truthy(output:find("nil\tpermission denied\t127.0.0.1:1: listen: ", 1, true), output)
    end
  end)

  it("makes serve raise, with the address and the reason", function()
    local output, fine = helper.run([[lua5.4 -e '
      local lastcall = require "lastcall"
      lastcall.serve("192.0.2.1:80", function() end)']])
    assert.is_false(fine)
    assert.is_truthy(output:find("serve: cannot listen on 192.0.2.1:80: address not available", 1, true), output)
  end)

  it("a unix client that is bound has its path as its peer's name", function()
    local path, mine = os.tmpname(), os.tmpname()
    os.remove(path)
    os.remove(mine)
    helper.task(function()
      local server = assert(lastcall.listen("unix:" .. path))
      lastcall.spawn(function() server:serve(function(conn) conn:write((conn:peer()), "\n") end) end)
      local conn = assert(lastcall.connect("unix:" .. path, { bind = "unix:" .. mine }))
      assert.equal(mine, conn:read())
      conn:close()
      server:close()
    end)
    os.remove(mine)
  end)

  it("a unix client bound to an abstract name has that name, wherever the server tells of it", function()
    helper.task(function()
      local server = assert(lastcall.listen("unix:" .. helper.socket_path()))
      local bound = helper.abstract "bound"
      local there = assert(lastcall.connect(server:addresses()[1], { bind = bound }))
      local here = assert(server:accept(helper.seconds(2)))
      assert.equal(bound:sub(6), (here:peer()))
      assert.equal(bound, here:stats().peer)
      assert.equal(bound, server:connections()[1].peer)
      assert.truthy(tostring(here):find(bound, 1, true))
      there:abort()
      here:abort()
      server:close()
    end)
  end)
end)
