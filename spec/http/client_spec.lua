local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- What a handler with the networks `trusted` sees of a request with these headers: "scheme peer".
local function seen(trusted, headers, at)
  local result, own
  helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(function(request)
      return request.scheme .. " " .. request.peer
    end, { trusted = trusted }), { at = at })
    local conn = assert(lastcall.connect(address))
    local host, port = conn:localname()
    own = port ~= 0 and ("%s:%d"):format(host, port)
    conn:write(("GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n%s\r\n"):format(headers))
    result = assert(conn:read "a"):match "\r\n\r\n(.*)$"
    conn:close()
    server:close()
  end)
  return own and result:gsub(own:gsub("%p", "%%%0"), "itself") or result
end

describe("request.peer and request.scheme", function()
  local function of(addresses) return ("X-Forwarded-For: %s\r\n"):format(addresses) end

  it("believe nobody without the option, and nobody outside of it", function()
    local claims = of "192.0.2.1" .. "X-Forwarded-Proto: https\r\n"
    assert.equal("http itself", (seen(nil, claims)))
    assert.equal("http itself", (seen({ "10.0.0.0/8", "::1", "unix:" }, claims)))
    assert.equal("http itself", (seen({ "127.0.0.2/31" }, claims)))
  end)

  it("are the rightmost untrusted address, and what the proxy says", function()
    local proto = "X-Forwarded-Proto: https\r\n"
    assert.equal("https 192.0.2.1", (seen({ "127.0.0.0/8" }, of "192.0.2.1" .. proto)))
    assert.equal("http 192.0.2.1", (seen({ "127.0.0.1" }, of "192.0.2.1" .. "X-Forwarded-Proto: ftp\r\n")))
    assert.equal("http 192.0.2.1", (seen({ "127.0.0.0/8" }, of "203.0.113.9, 192.0.2.1")))
    local two = { "127.0.0.0/8", "192.0.2.0/24" }
    assert.equal("http 203.0.113.9", (seen(two, of "6.6.6.6, 203.0.113.9, 192.0.2.1")))
    assert.equal("http 203.0.113.9", (seen(two, of "6.6.6.6,203.0.113.9" .. of "192.0.2.1")))
  end)

  it("are the first of a list in which all are trusted", function()
    assert.equal("http 10.0.0.1", (seen({ "127.0.0.0/8", "10.0.0.0/8" }, of "10.0.0.1, 10.0.0.2")))
  end)

  it("stop at what is no address", function()
    assert.equal("http 10.0.0.2", (seen({ "127.0.0.0/8", "10.0.0.0/8" }, of "1.2.3.4, unknown, 10.0.0.2")))
    local wrong = { "", "unknown", "_hidden", "1.2.3", "unix:/x", ":80", "*", "localhost", "1.2.3.4 5", "[::1" }
    for _, bad in ipairs(wrong) do
      assert.equal("http itself", (seen({ "127.0.0.0/8" }, of(bad))), bad)
    end
  end)

  it("know addresses of version 6, ports, and unix-domain proxies", function()
    assert.equal("http 2001:db8::1", (seen({ "127.0.0.0/8" }, of "2001:db8::1")))
    assert.equal("http 2001:db8::1", (seen({ "127.0.0.0/8" }, of "[2001:db8::1]")))
    assert.equal("http [2001:db8::1]:4711", (seen({ "127.0.0.0/8" }, of "[2001:db8::1]:4711")))
    assert.equal("http 192.0.2.1:4711", (seen({ "::ffff:127.0.0.0/104" }, of "192.0.2.1:4711")))
    assert.equal("http 192.0.2.1", (seen({ "fd00::/8", "127.0.0.1" }, of "192.0.2.1, fd12:3456::1")))
    assert.equal("http 192.0.2.1", (seen({ "unix:" }, of "192.0.2.1", helper.abstract "client")))
  end)

  it("take the scheme that stands beside the client, where each proxy names one", function()
    local trusted = { "127.0.0.0/8", "10.0.0.0/8" }
    local both = of "192.0.2.1, 10.0.0.1"
    assert.equal("https 192.0.2.1", (seen(trusted, both .. "X-Forwarded-Proto: https, http\r\n")))
    assert.equal("http 192.0.2.1", (seen(trusted, both .. "X-Forwarded-Proto: http, https\r\n")))
    assert.equal("https 192.0.2.1", (seen(trusted, both .. "X-Forwarded-Proto: HTTPS\r\n")))
    -- The client has written the first one itself.
    assert.equal("http 192.0.2.1", (seen(trusted, of "6.6.6.6, 192.0.2.1" .. "X-Forwarded-Proto: https, http\r\n")))
  end)

  it("want networks in the option", function()
    local wrong = { "10.0.0.1/8", "10.0.0.0/33", "::1/129", "localhost", "", "10.0.0.0/", "10.0.0.0/x", "1.2.3" }
    for _, bad in ipairs(wrong) do
      helper.raises("option 'trusted' is a list of networks", http.handler, print, { trusted = { bad } })
    end
    helper.raises("option 'trusted'", http.handler, print, { trusted = "10.0.0.0/8" })
  end)
end)
