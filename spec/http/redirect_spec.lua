-- scripts/test: fast clock
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local proxy = require "lastcall.http.client.proxy"
local url = require "lastcall.http.client.url"

describe("a URL", function()
  it("has a scheme, a host, a port and a target", function()
    local function parts(text)
      local one = assert(url.parse(text))
      return table.concat({ one.scheme, one.host, one.port, one.authority, one.target, one.user or "-" }, " ")
    end
    assert.equal("http a.b 80 a.b / -", parts "http://a.b")
    assert.equal("http a.b 80 a.b /c?d -", parts "HTTP://A.b:80/c?d#e")
    assert.equal("http a 81 a:81 /?b=/ -", parts "http://a:81?b=/")
    assert.equal("http [::1] 8080 [::1]:8080 / u:p", parts "http://u:p@[::1]:8080/")
    assert.equal("https a 443 a / -", parts "https://a/")
  end)

  it("is refused when it is none", function()
    for _, text in ipairs {
      "", "a", "/a", "http:/a", "http://", "http:///a", "ftp://a/", "http://a:0/", "http://a:65536/", "http://a:b/",
      "http://a b/", "http://a/\r\nX: y", "http://a/\0", "http://[::1/", "http://a/\xe4", "http://a:1:2/", "http://a@/",
    } do
      local parts, problem = url.parse(text)
      assert.is_nil(parts, text)
      assert.is_string(problem)
    end
  end)

  it("may be relative to another", function()
    local base = url.parse "http://a:81/b/c/d;p?q"
    for reference, result in pairs { -- as in RFC 3986, section 5.4
      ["http://g"] = "http://g/", ["g"] = "http://a:81/b/c/g", ["./g"] = "http://a:81/b/c/g",
      ["g/"] = "http://a:81/b/c/g/", ["/g"] = "http://a:81/g", ["//g"] = "http://g/",
      ["?y"] = "http://a:81/b/c/d;p?y", ["g?y"] = "http://a:81/b/c/g?y", ["#s"] = "http://a:81/b/c/d;p?q",
      [""] = "http://a:81/b/c/d;p?q", ["."] = "http://a:81/b/c/", [".."] = "http://a:81/b/",
      ["../g"] = "http://a:81/b/g", ["../../.."] = "http://a:81/", ["../../../g"] = "http://a:81/g",
      ["/./g"] = "http://a:81/g", ["g/../h?x/../y"] = "http://a:81/b/c/h?x/../y", ["a b"] = "http://a:81/b/c/a%20b",
    } do
      assert.equal(result, url.text(assert(url.join(base, reference))), reference)
    end
  end)
end)

describe("a redirection", function()
  --- Serves /STATUS with a redirection to what the query says; all else is answered with what came.
  local function redirecting(body)
    client.serving(function(request)
      local status = tonumber(request.path:match "^/(%d+)$")
      if status then return status, { Location = request.query }, ("x"):rep(100) end
      local seen = {}
      for _, name in ipairs { "authorization", "cookie", "content-type", "x-own" } do
        seen[#seen + 1] = request.headers[name]
      end
      return ("%s %s [%s] %s"):format(request.method, request.target, table.concat(seen, ","), request:body())
    end, function(address) body("http://" .. address, address) end)
  end

  it("is followed, with the method that browsers use", function()
    redirecting(function(base)
      local function answer(status, method, body)
        return http.request(base .. "/" .. status .. "?/x", { method = method, body = body }):body()
      end
      assert.equal("GET /x [] ", answer(301, "GET"))
      assert.equal("GET /x [] ", answer(302, "POST", "body"))
      assert.equal("PUT /x [] body", answer(302, "PUT", "body"))
      assert.equal("GET /x [] ", answer(303, "PUT", "body"))
      assert.equal("POST /x [] body", answer(307, "POST", "body"))
      assert.equal("POST /x [] body", answer(308, "POST", { "bo", "dy" }))
      local reply = http.request(base .. "/303?/x", { method = "HEAD" })
      assert.same({ 200, base .. "/x" }, { reply.status, reply.url })
      reply = http.post(base .. "/307?/x", function() return nil end)
      assert.equal(307, reply.status) -- the body is gone
      assert.equal(300, http.get(base .. "/300?/x").status)
    end)
  end)

  it("tells another origin no secrets", function()
    redirecting(function(base, address)
      local given = { headers = { Cookie = "c", ["X-Own"] = "x", ["Content-Type"] = "t" }, auth = "user:password" }
      assert.equal("GET /x [Basic dXNlcjpwYXNzd29yZA==,c,t,x] ", http.get(base .. "/302?/x", given):body())
      local other = "http://localhost:" .. address:match ":(%d+)$"
      assert.equal("GET /x [t,x] ", http.get(base .. "/302?" .. other .. "/x", given):body())
      assert.equal("GET /x [] ", http.get("http://u:p@" .. address .. "/302?" .. other .. "/x"):body())
      assert.equal("GET /x [Basic dTpw] ", http.get("http://u:p@" .. address .. "/302?/x"):body())
      assert.equal("GET /x [x] ", http.post(base .. "/303?" .. other .. "/x", "b", given):body())
    end)
  end)

  it("ends: after ten of them, at a place that is none, and where the script wants none", function()
    redirecting(function(base)
      helper.failure("invalid", http.get(base .. "/302?ftp://a/"))
      assert.equal(302, http.get(base .. "/302?/x", { redirects = 0 }).status)
    end)
    client.serving(function(request)
      local n = tonumber(request.query)
      if n == 0 then return "arrived" end
      return 302, { Location = "/?" .. n - 1 }, ""
    end, function(address)
      assert.equal("arrived", http.get("http://" .. address .. "/?10"):body())
      helper.failure("invalid", http.get("http://" .. address .. "/?11"))
      helper.failure("invalid", http.get("http://" .. address .. "/?3", { redirects = 2 }))
    end)
  end)
end)

describe("a proxy", function()
  it("gets the whole URL, and its own authorization", function()
    client.serving(function(request)
      return ("%s %s %s"):format(request.target, request.host, request.headers["proxy-authorization"])
    end, function(address)
      local through = http.client { proxy = "http://u:p@" .. address }
      assert.equal("http://far.example/a?b far.example Basic dTpw", through:get "http://far.example/a?b":body())
      local reply = through:get "http://other.example:81/"
      assert.equal("http://other.example:81/ other.example:81 Basic dTpw", reply:body())
    end)
  end)

  it("is chosen by the environment", function()
    local program = [[
      local proxy = require "lastcall.http.client.proxy"
      local url = require "lastcall.http.client.url"
      local choose = proxy.chooser()
      for _, text in ipairs(arg) do
        local one = choose(url.parse(text))
        print(one and one.address or "none")
      end
    ]]
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(program)
    file:close()
    local function chosen(environment, ...)
      local output = helper.run(("env %s lua5.4 %s %s"):format(environment, name, table.concat({ ... }, " ")))
      return (output:gsub("\n", " "))
    end
    assert.equal("none ", chosen("-u http_proxy HTTP_PROXY=http://p:1", "http://a/"))
    assert.equal("p:1 p:1 none ", chosen("http_proxy=http://p:1", "http://a/", "http://b.c:8/", "https://a/"))
    assert.equal("p:1 q:2 ", chosen("http_proxy=http://p:1 HTTPS_PROXY=http://q:2", "http://a/", "https://a/"))
    assert.equal("p:3128 none none p:3128 none p:3128 ", chosen("http_proxy=p:3128 no_proxy=b.c,.d,e:81,::1",
      "http://a/", "http://x.b.c/", "http://d/", "http://e/", "http://e:81/", "http://xb.c/"))
    assert.equal("none ", chosen("http_proxy=http://p:1 NO_PROXY='*'", "http://a/"))
    os.remove(name)
    assert.is_nil(proxy.chooser(false)(url.parse "http://a/"))
  end)
end)

describe("what a script gives a client", function()
  it("raises when it could not be sent as it is meant, before anything is", function()
    helper.task(function()
      local at = "http://127.0.0.1:1/"
      local function raises(reason, ...) helper.raises(reason, http.request, ...) end
      raises("no method", at, { method = "GE T" })
      raises("no method", at, { method = "GET / HTTP/1.1\r\nX:" })
      raises("CONNECT", at, { method = "CONNECT" })
      raises("no URL may have", at .. "\r\nX: y")
      raises("no URL may have", at .. "a b")
      raises("no URL may have", at .. "\0")
      raises("the URL is a string", nil)
      raises("has no scheme", "127.0.0.1:1")
      raises("line end", at, { headers = { X = "a\r\nb" } })
      raises("line end", at, { headers = { X = { "a", "b\0" } } })
      raises("cannot be the name", at, { headers = { ["X:"] = "a" } })
      raises("cannot be the name", at, { headers = { ["X\r\nY"] = "a" } })
      raises("lastcall's", at, { headers = { ["Transfer-Encoding"] = "chunked" } })
      raises("use the option expect", at, { headers = { Expect = "100-continue" } })
      raises("did you mean 'method'", at, { metod = "GET" })
      raises("the body is", at, { body = true })
      raises("piece 2 of the body", at, { body = { "a", 1 } })
    end)
    helper.raises("only a task can wait", http.get, "http://127.0.0.1:1/")
  end)

  it("replaces the client's own headers, in any case of their names", function()
    client.serving(function(request)
      return ("%s|%s|%s"):format(request.host, request.headers["user-agent"], request.headers.x)
    end, function(address)
      local own = http.client { headers = { ["User-Agent"] = "one", X = "1" } }
      local at = "http://" .. address .. "/"
      assert.equal(address .. "|one|1", own:get(at):body())
      local reply = own:get(at, { headers = { ["user-agent"] = "two", x = false, Host = "there" } })
      assert.equal("there|two|nil", reply:body())
      assert.equal(address .. "|nil|nil", http.get(at):body())
    end)
  end)
end)
