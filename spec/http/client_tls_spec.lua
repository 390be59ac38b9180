local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

--- Runs `body(address, server)` with a server that answers in TLS; `/away` leads where the query says.
local function in_tls(body)
  helper.task(function()
    local server, address = helper.serve(lastcall, http.handler(function(request)
      if request.path == "/away" then return 302, { Location = request.query }, "" end
      if request.path == "/cut" then
        request.conn:abort()
        return
      end
      return ("%s %s %s"):format(request.method, request.target, request:body())
    end), { tls = certificates.server() })
    body(address, server)
    server:close()
  end)
end

--- A proxy that makes tunnels; `seen` gets the first line and the authorization of each request.
local function tunnelling(seen)
  return helper.serve(lastcall, function(conn)
    local head = conn:read_until "\r\n\r\n"
    seen[#seen + 1] = head:match "^[^\r]+" .. "|" .. (head:match "Proxy%-Authorization: ([^\r]+)" or "")
    if head:find "refuse" then return conn:write "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" end
    local there <close> = assert(lastcall.connect(head:match "^CONNECT (%S+)"))
    conn:write "HTTP/1.1 200 Established\r\n\r\n"
    lastcall.pipe(conn, there)
  end)
end

describe("https", function()
  teardown(certificates.remove)

  it("is as http, and its connections are used again", function()
    in_tls(function(address, server)
      local client = http.client { tls = certificates.client() }
      local url = "https://" .. address .. "/"
      for _ = 1, 3 do assert.equal("GET /a ", client:get(url .. "a"):body()) end
      assert.equal("POST / body", client:post(url, "body"):body())
      assert.equal(1, server:stats().accepted)
      local data = ("x"):rep(1024 * 1024)
      assert.equal(#data + 7, #client:post(url, data):body())
      client:close()
    end)
  end)

  it("refuses a server that does not show who it is, and never goes on in clear", function()
    in_tls(function(address)
      local url = "https://" .. address .. "/"
      local reply, _, message = http.get(url)
      assert.is_nil(reply)
      assert.is_truthy(message:find("certificate", 1, true), message)
      local client = http.client { tls = certificates.client() }
      helper.failure("invalid", client:get(url .. "away?http://" .. address .. "/"))
      assert.equal("GET /b ", client:get(url .. "away?/b"):body())
      helper.failure("reset", client:get(url .. "cut"))
      client:close()
    end)
  end)

  it("is a failure without the rock", function()
    local name = "lastcall.tls.core"
    local loaded = package.loaded[name]
    package.loaded[name], package.preload[name] = nil, function() error "not here" end
    helper.task(function()
      local message = select(3, http.get "https://127.0.0.1:1/")
      helper.failure("unsupported", http.get "https://127.0.0.1:1/")
      assert.is_truthy(message:find("lastcall-tls", 1, true), message)
    end)
    package.loaded[name], package.preload[name] = loaded, nil
  end)

  it("goes through a proxy in a tunnel", function()
    in_tls(function(address, server)
      local seen = {}
      local other, at = tunnelling(seen)
      local client = http.client { tls = certificates.client(), proxy = "http://u:p@" .. at }
      for _ = 1, 2 do assert.equal("GET /c ", client:get("https://" .. address .. "/c"):body()) end
      assert.same({ ("CONNECT %s HTTP/1.1|Basic dTpw"):format(address) }, seen)
      assert.equal(1, server:stats().accepted)
      helper.failure("refused", client:get "https://refuse.example/")
      client:close()
      other:close()
    end)
  end)
end)
