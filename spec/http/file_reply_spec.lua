-- scripts/test: fast clock
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"

local folder = helper.socket_path()
assert(os.execute(("mkdir -p %s/root/sub/deep %s/other"):format(folder, folder)))
local root = folder .. "/root"

local function put(name, text) return helper.write_file(text, folder .. "/" .. name) end

local BIG = ("0123456789abcdef"):rep(65536) -- 1 MiB
put("root/a.txt", "0123456789")
put("root/empty.html", "")
put("root/b c.css", "css")
put("root/é.json", "{}")
put("root/UPPER.PNG", "png")
put("root/noending", "?")
put("root/big.bin", BIG)
put("root/sub/index.html", "<p>index")
put("root/.secret", "secret")
put("root/sub/.secret", "secret")
put("root/back\\slash", "secret")
put("other/outside", "secret")
assert(os.execute(([[cd %s && ln -s ../../other/outside sub/out && ln -s ../other up &&
  ln -s %s/other/outside absolute && ln -s a.txt inside && ln -s /etc/passwd passwd && mkfifo fifo &&
  touch -d "2020-02-03 04:05:06 UTC" a.txt big.bin empty.html]]):format(root, folder)))

local LAST = "Mon, 03 Feb 2020 04:05:06 GMT"

-- Busted calls this when the file is done.
teardown(function() os.execute("rm -rf " .. folder) end)

local function get(address, target, headers, method)
  local conn = assert(lastcall.connect(address))
  local reply = client.ask(conn, method or "GET", target, headers)
  conn:close()
  return reply
end

--- Serves the files of the root, at first with one request for the facts of a.txt.
local function with_files(body, options)
  client.serving(http.files(root, options), function(address)
    body(address, get(address, (options and options.prefix or "") .. "/a.txt").headers)
  end)
end

describe("http.files", function()
  it("sends files with their types, times and tags", function()
    with_files(function(address, facts)
      assert.same({ LAST, "bytes", "text/plain; charset=utf-8", "10" },
        { facts["last-modified"], facts["accept-ranges"], facts["content-type"], facts["content-length"] })
      assert.is_truthy(facts.etag:find '^"%x+%.%x+%-a"$', facts.etag)
      assert.is_nil(facts["cache-control"])
      for target, expected in pairs {
        ["/empty.html"] = { "text/html; charset=utf-8", "" }, ["/b%20c.css"] = { "text/css; charset=utf-8", "css" },
        ["/%C3%A9.json"] = { "application/json", "{}" }, ["/UPPER.PNG"] = { "image/png", "png" },
        ["/noending"] = { "application/octet-stream", "?" }, ["/inside"] = { "application/octet-stream", "0123456789" },
        ["/big.bin?x"] = { "application/octet-stream", BIG },
      } do
        for _ = 1, 2 do
          local reply = get(address, target)
          assert.same({ 200, expected[1] }, { reply.status, reply.headers["content-type"] }, target)
          assert.is_true(reply.body == expected[2], target)
        end
      end
    end)
  end)

  it("has options for types, ages, a prefix, and the index of a directory", function()
    with_files(function(address, facts)
      assert.same({ "text/x-notes", "max-age=60" }, { facts["content-type"], facts["cache-control"] })
      assert.equal("<p>index", get(address, "/static/sub/").body)
      local reply = get(address, "/static/sub?a=b")
      assert.same({ 301, "/static/sub/?a=b" }, { reply.status, reply.headers.location })
      assert.equal(404, get(address, "/static/sub/deep/").status)
      assert.equal(404, get(address, "/static/").status)
      assert.equal(404, get(address, "/a.txt").status)
      assert.equal(404, get(address, "/staticsub/").status)
    end, { types = { txt = "text/x-notes" }, max_age = 60, prefix = "/static", index = "index.html" })
    for _, prefix in ipairs { "/static", "/st/at/" } do
      local path = prefix:gsub("/$", "")
      client.serving(http.files(root, { prefix = prefix, index = "a.txt" }), function(address)
        local reply = get(address, path .. "?a=b")
        assert.same({ 301, path .. "/?a=b" }, { reply.status, reply.headers.location })
        assert.equal("0123456789", get(address, path .. "/").body)
      end)
    end
    client.serving(http.files(root, { prefix = "/static" }), function(address)
      assert.equal(404, get(address, "/static").status)
    end)
    with_files(function(address)
      for _, target in ipairs { "/", "/sub", "/sub/" } do assert.equal(404, get(address, target).status, target) end
    end)
  end)

  it("lets no path lead out of its directory, nor to what is hidden or no file", function()
    with_files(function(address)
      local conn = assert(lastcall.connect(address))
      for target, status in pairs {
        ["/../other/outside"] = 404, ["/sub/../../other/outside"] = 404, ["/./a.txt"] = 404, ["/sub/.."] = 404,
        ["/%2e%2e/other/outside"] = 404, ["/%2E./other/outside"] = 404, ["/sub/%2e%2e/%2e%2e/other/outside"] = 404,
        ["/%252e%252e/other/outside"] = 404, ["/..%2fother/outside"] = 404, ["/..%5cother%5coutside"] = 404,
        ["/..\\other\\outside"] = 404, ["/back\\slash"] = 404, ["/back%5Cslash"] = 404, ["/sub%2findex.html"] = 404,
        ["/%c0%ae%c0%ae/other/outside"] = 404, ["/%e0%80%ae./other/outside"] = 404,
        ["/%c0%af..%c0%afother/outside"] = 404,
        ["/a.txt%00"] = 404, ["/a.txt%00.png"] = 404, ["/%00"] = 404, ["/a.txt%0a"] = 404, ["/a.tx%"] = 400,
        ["/a.txt%zz"] = 400, ["//a.txt"] = 404, ["//etc/passwd"] = 404, ["/sub//index.html"] = 404,
        ["///"] = 404, ["/%2fetc/passwd"] = 404, ["/.secret"] = 404, ["/sub/.secret"] = 404, ["/%2esecret"] = 404,
        ["/sub/out"] = 404, ["/up/outside"] = 404, ["/absolute"] = 404, ["/passwd"] = 404, ["/fifo"] = 404,
        ["/a.txt/"] = 404, ["/a.txt/b"] = 404, ["/nothing"] = 404, ["/" .. ("a"):rep(300)] = 404,
        ["/" .. ("a/"):rep(3000)] = 404,
      } do
        local reply = client.ask(conn, "GET", target)
        assert.equal(status, reply.status, target)
        assert.is_nil(reply.body:find("secret", 1, true), target)
      end
      conn:close()
    end)
  end)

  it("answers other methods with 405, and HEAD without a body", function()
    with_files(function(address, facts)
      local reply = get(address, "/a.txt", "Content-Length: 0\r\n", "POST")
      assert.same({ 405, "GET, HEAD" }, { reply.status, reply.headers.allow })
      reply = get(address, "/big.bin", "Range: bytes=0-1\r\n", "HEAD")
      assert.same({ 200, tostring(#BIG), facts["last-modified"] },
        { reply.status, reply.headers["content-length"], reply.headers["last-modified"] })
    end)
  end)

  it("sends the part that a range asks for", function()
    with_files(function(address, facts)
      for range, expected in pairs {
        ["bytes=0-0"] = { "0", "0-0" }, ["bytes=2-5"] = { "2345", "2-5" }, ["bytes=9-"] = { "9", "9-9" },
        ["bytes=0-"] = { "0123456789", "0-9" }, ["bytes=5-100"] = { "56789", "5-9" }, ["bytes=-3"] = { "789", "7-9" },
        ["bytes=-100"] = { "0123456789", "0-9" }, ["Bytes = 1-2"] = { "12", "1-2" },
        ["bytes=1-99999999999999999999999"] = { "123456789", "1-9" },
      } do
        local reply = get(address, "/a.txt", "Range: " .. range .. "\r\n")
        assert.same({ 206, expected[1], "bytes " .. expected[2] .. "/10" },
          { reply.status, reply.body, reply.headers["content-range"] }, range)
      end
      for _, range in ipairs { "bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-" } do
        local reply = get(address, "/a.txt", "Range: " .. range .. "\r\n")
        assert.same({ 416, "", "bytes */10" }, { reply.status, reply.body, reply.headers["content-range"] }, range)
      end
      for _, range in ipairs {
        "bytes=0-1,3-4", "bytes=5-2", "bytes=-", "bytes=a-b", "bits=0-1", "bytes=0-1;x", "0-1",
      } do
        local reply = get(address, "/a.txt", "Range: " .. range .. "\r\n")
        assert.same({ 200, "0123456789", nil }, { reply.status, reply.body, reply.headers["content-range"] }, range)
      end
      for only_if, status in pairs {
        [facts.etag] = 206, [LAST] = 206, ['"other"'] = 200, ["W/" .. facts.etag] = 200,
        ["Mon, 03 Feb 2020 04:05:07 GMT"] = 200, nonsense = 200,
      } do
        local headers = "Range: bytes=1-2\r\nIf-Range: " .. only_if .. "\r\n"
        assert.equal(status, get(address, "/a.txt", headers).status, only_if)
      end
      assert.equal(BIG:sub(500001, 900000), get(address, "/big.bin", "Range: bytes=500000-899999\r\n").body)
      assert.equal(416, get(address, "/empty.html", "Range: bytes=0-\r\n").status)
      assert.equal(200, get(address, "/empty.html", "Range: bytes=-5\r\n").status)
    end)
  end)

  it("obeys conditions, in the order of RFC 9110", function()
    local before, after = "Sun, 02 Feb 2020 04:05:06 GMT", "Tue, 04 Feb 2020 04:05:06 GMT"
    with_files(function(address, facts)
      local tag = facts.etag
      for headers, status in pairs {
        ["If-None-Match: " .. tag] = 304, ["If-None-Match: W/" .. tag] = 304, ['If-None-Match: "a", ' .. tag] = 304,
        ["If-None-Match: *"] = 304, ['If-None-Match: "a"'] = 200, ["If-None-Match: nonsense"] = 200,
        ["If-Modified-Since: " .. LAST] = 304, ["If-Modified-Since: " .. after] = 304,
        ["If-Modified-Since: " .. before] = 200, ["If-Modified-Since: Monday, 03-Feb-20 04:05:06 GMT"] = 304,
        ["If-Modified-Since: Mon Feb  3 04:05:06 2020"] = 304, ["If-Modified-Since: Mon Feb  3 04:05:05 2020"] = 200,
        ["If-Modified-Since: Mon, 33 Feb 2020 04:05:06 GMT"] = 200, ["If-Modified-Since: yesterday"] = 200,
        ['If-None-Match: "a"\r\nIf-Modified-Since: ' .. after] = 200,
        ["If-Match: " .. tag] = 200, ['If-Match: "a",' .. tag] = 200, ["If-Match: *"] = 200, ['If-Match: "a"'] = 412,
        ["If-Match: W/" .. tag] = 412, ["If-Unmodified-Since: " .. LAST] = 200,
        ["If-Unmodified-Since: " .. before] = 412, ["If-Unmodified-Since: " .. after] = 200,
        ["If-Unmodified-Since: nonsense"] = 200, ["If-Match: " .. tag .. "\r\nIf-Unmodified-Since: " .. before] = 200,
        ['If-Match: "a"\r\nIf-None-Match: ' .. tag] = 412, ["If-None-Match: " .. tag .. "\r\nRange: bytes=0-1"] = 304,
        ['If-Match: "a"\r\nRange: bytes=0-1'] = 412, ["If-Match: " .. tag .. "\r\nRange: bytes=0-1"] = 206,
      } do
        local conn = assert(lastcall.connect(address))
        local reply = client.ask(conn, "HEAD", "/a.txt", headers .. "\r\n")
        assert.equal(status == 206 and 200 or status, reply.status, "HEAD " .. headers)
        conn:close()
        conn = assert(lastcall.connect(address))
        helper.send(conn, ("GET /a.txt HTTP/1.1\r\nHost: here\r\nConnection: close\r\n%s\r\n\r\n"):format(headers))
        local text = conn:read "a"
        assert.equal(status, tonumber(text:match "^HTTP/1.1 (%d+)"), headers)
        local body = text:match "\r\n\r\n(.*)$"
        assert.equal(({ [200] = "0123456789", [206] = "01" })[status] or "", body, headers)
        if status == 304 then assert.is_truthy(text:find("ETag: " .. tag, 1, true)) end
        conn:close()
      end
    end)
  end)

  it("has a weak tag for a file that may change within the same second", function()
    put("root/new.txt", "new")
    with_files(function(address)
      local facts = get(address, "/new.txt").headers
      assert.is_truthy(facts.etag:find '^W/"')
      assert.equal(304, get(address, "/new.txt", "If-None-Match: " .. facts.etag .. "\r\n").status)
      assert.equal(200, get(address, "/new.txt", "Range: bytes=0-0\r\nIf-Range: " .. facts.etag .. "\r\n").status)
    end)
  end)

  it("knows the headers of a file no longer than they are right", function()
    put("root/count", "one")
    local files, set = http.files(root), false
    local function age(date) assert(os.execute(("touch -d '%s' %s/count"):format(date, root))) end
    client.serving(function(request, response)
      if set then response.headers["X-Set"] = "yes" end
      return files(request, response)
    end, function(address)
      local tags = {}
      for i, date in ipairs { "2020-01-01", "2020-01-01", "2021-01-01", "2021-01-01 00:00:00.5" } do
        age(date)
        local reply = get(address, "/count")
        assert.same({ 200, "one" }, { reply.status, reply.body })
        assert.equal(304, get(address, "/count", "If-None-Match: " .. reply.headers.etag .. "\r\n").status)
        tags[i] = reply.headers.etag
      end
      assert.is_true(tags[1] == tags[2] and tags[2] ~= tags[3] and tags[3] ~= tags[4])
      put("root/count", "longer")
      age "2021-01-01 00:00:00.5"
      local reply = get(address, "/count")
      assert.same({ 200, "longer", nil }, { reply.status, reply.body, reply.headers["x-set"] })
      assert.equal("Fri, 01 Jan 2021 00:00:00 GMT", reply.headers["last-modified"])
      assert.is_true(reply.headers.etag ~= tags[4])
      set = true
      reply = get(address, "/count")
      assert.same({ 200, "longer", "yes" }, { reply.status, reply.body, reply.headers["x-set"] })
    end)
  end)

  it("follows its directory when that is a link to another one", function()
    put("other/a.txt", "newer")
    local link = folder .. "/current"
    assert(os.execute(("ln -sfn root %s"):format(link)))
    client.serving(http.files(link), function(address)
      assert.equal("0123456789", get(address, "/a.txt").body)
      assert(os.execute(("ln -sfn other %s"):format(link)))
      assert.equal("newer", get(address, "/a.txt").body)
      os.remove(link)
      assert.equal(404, get(address, "/a.txt").status)
    end)
  end)

  it("says what it cannot be", function()
    helper.raises("the directory is a path, not a nil", http.files)
    helper.raises("did you mean 'index'", http.files, ".", { indes = "x" })
    helper.raises("option 'index' is a name without a slash", http.files, ".", { index = "a/b" })
    helper.raises("option 'prefix' is a path", http.files, ".", { prefix = "a" })
  end)
end)

describe("response:file", function()
  it("sends a path, a path beneath a root, and an open file; and says when there is none", function()
    local failures = {}
    client.serving(function(request, response)
      if request.path == "/own" then return response:file(folder .. "/other/outside", { type = "text/own" }) end
      if request.path == "/open" then
        local open <close> = assert(io.open(root .. "/a.txt"))
        open:read(4) -- its position does not count
        return response:file(open)
      end
      if request.path == "/named" then
        response.status = 203
        response.headers["Content-Disposition"] = 'attachment; filename="x"'
        response.headers["Content-Type"] = "text/x"
      end
      local sent, code = response:file(request.path:sub(2), { root = root, max_age = 5 })
      failures[#failures + 1] = code
      return sent or 404
    end, function(address)
      local reply = get(address, "/own")
      assert.same({ 200, "secret", "text/own" }, { reply.status, reply.body, reply.headers["content-type"] })
      reply = get(address, "/open", "Range: bytes=1-2\r\n")
      assert.same({ 206, "12", "application/octet-stream" },
        { reply.status, reply.body, reply.headers["content-type"] })
      reply = get(address, "/a.txt", "Content-Length: 0\r\nIf-Match: *\r\nRange: bytes=1-2\r\n", "POST")
      assert.same({ 200, "0123456789", "max-age=5" }, { reply.status, reply.body, reply.headers["cache-control"] })
      for _, target in ipairs { "/nothing", "/sub", "/fifo", "/up/outside", "/../other/outside" } do
        assert.equal(404, get(address, target).status, target)
      end
    end)
    assert.same({ "enoent", "eisdir", "permission denied", "exdev", "exdev" }, failures)
  end)

  it("sends nothing of another file that has the descriptor of one that the script has closed", function()
    local SIZE, NAMES = 64 << 20, { folder .. "/other/long", folder .. "/other/longer" }
    for _, name in ipairs(NAMES) do assert(os.execute(("truncate -s %d %s"):format(SIZE, name))) end
    for _, headers in ipairs { "", "Range: bytes=5-\r\n" } do
      local open, code
      client.serving(function(_, response)
        open = assert(io.open(NAMES[1]))
        local sent
        sent, code = response:file(open)
        return sent
      end, function(address)
        local conn, total = assert(lastcall.connect(address)), 0
        local piece, ending
        helper.send(conn, ("GET / HTTP/1.1\r\nHost: here\r\n%s\r\n"):format(headers))
        assert(conn:read())
        open:close()
        local other = assert(io.open(NAMES[2]))
        repeat
          piece, ending = conn:read_some(65536)
          total = total + #(piece or "")
        until not piece
        assert.is_true(total < SIZE and ending ~= "eof", ending)
        other:close()
        conn:close()
      end)
      assert.equal("closed", code)
    end
  end)

  it("keeps the script's own status and headers", function()
    client.serving(function(_, response)
      response.status = 203
      response.headers["Content-Type"] = "text/x"
      return response:file(root .. "/a.txt")
    end, function(address)
      local reply = get(address, "/")
      assert.same({ 203, "text/x", "0123456789" }, { reply.status, reply.headers["content-type"], reply.body })
    end)
  end)

  it("refuses what is no file, and a response that has begun", function()
    client.serving(function(_, response)
      helper.raises("expected a path or an open file", response.file, response, {})
      helper.raises("expected a path or an open file", response.file, response, nil)
      helper.raises("did you mean 'root'", response.file, response, "a", { rot = "b" })
      assert.equal("enoent", select(2, response:file "a\0b"))
      response:write "begun"
      helper.raises("the response has begun", response.file, response, "a")
    end, function(address) assert.equal("begun", get(address, "/").body) end)
  end)

  it("sends over HTTP/1.0, unix-domain sockets, and two files over one connection", function()
    for _, options in ipairs { {}, { at = helper.abstract "files" } } do
      client.serving(http.files(root), function(address)
        local conn = assert(lastcall.connect(address))
        for _ = 1, 2 do
          assert.is_true(client.ask(conn, "GET", "/big.bin").body == BIG)
          assert.equal("0123456789", client.ask(conn, "GET", "/a.txt").body)
        end
        conn:close()
        conn = assert(lastcall.connect(address))
        helper.send(conn, "GET /a.txt HTTP/1.0\r\n\r\n")
        assert.is_truthy(conn:read("a"):find "\r\nContent%-Length: 10\r\n.*\r\n\r\n0123456789$")
        conn:close()
      end, options)
    end
  end)
end)

describe("a file under way", function()
  local PATH = put("root/changing", ("x"):rep(4 << 20))

  --- A client that has got the head, and reads on only later.
  local function begin(address, target)
    local conn = assert(lastcall.connect(address))
    helper.send(conn, ("GET %s HTTP/1.1\r\nHost: here\r\n\r\n"):format(target))
    repeat until assert(conn:read()) == "\r"
    return conn
  end

  local function slow_files(request, response)
    request.conn:setsockopt("sndbuf", 131072)
    return http.files(root)(request, response)
  end

  --- The same for files whose headers are known from the second request on.
  local function slow_known_files()
    local files = http.files(root)
    return function(request, response)
      request.conn:setsockopt("sndbuf", 131072)
      return files(request, response)
    end
  end

  --- Reads to the end: how many bytes, and how it ended.
  local function rest(conn)
    local count = 0
    while true do
      local piece, code = conn:read_some(65536)
      if not piece then return count, code end
      count = count + #piece
    end
  end

  it("that becomes shorter leaves no whole reply, and is told", function()
    local errors = {}
    client.serving(slow_files, function(address)
      local conn = begin(address, "/changing")
      assert(os.execute(("truncate -s 100000 %s"):format(PATH)))
      local count, code = rest(conn)
      assert.is_true(count < 4 << 20)
      assert.equal("reset", code)
      conn:close()
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
    assert.is_truthy(errors[1]:find("changing has become shorter while it was sent", 1, true), errors[1])
    assert.is_nil(errors[2])
  end)

  it("whose headers are known is sent whole to a slow client, or no whole reply when it becomes shorter", function()
    local errors = {}
    put("root/changing", BIG)
    assert(os.execute(("touch -d 2020-01-01 %s"):format(PATH)))
    client.serving(slow_known_files(), function(address)
      for i = 1, 3 do
        local conn = begin(address, "/changing")
        local most = i < 3 and #BIG or 100000
        if i == 3 then assert(os.execute(("truncate -s %d %s"):format(most, PATH))) end
        local text, code = conn:read(#BIG)
        assert.is_true(i == 3 and code == "reset" or text == BIG, code)
        conn:close()
      end
      assert.equal("100000", get(address, "/changing").headers["content-length"])
    end, { on_error = function(err) errors[#errors + 1] = tostring(err) end })
    assert.is_truthy(errors[1]:find("changing has become shorter while it was sent", 1, true), errors[1])
    assert.is_nil(errors[2])
  end)

  it("that grows, or is replaced, is sent as it was announced", function()
    put("root/changing", ("x"):rep(4 << 20))
    client.serving(slow_files, function(address)
      local growing, replaced = begin(address, "/changing"), begin(address, "/changing")
      put("root/changing.new", "other")
      assert(os.rename(PATH .. ".new", PATH))
      for _, conn in ipairs { growing, replaced } do
        assert.equal(("x"):rep(1 << 20), conn:read(1 << 20))
        conn:read(3 << 20)
        conn:close()
      end
      assert.equal("other", get(address, "/changing").body)
    end)
  end)

  it("is waited for by a drain, also longer than write_timeout", function()
    local report = client.serving(slow_files, function(address)
      local conn = begin(address, "/big.bin")
      lastcall.shutdown()
      local count = 0
      for _ = 1, 8 do
        lastcall.sleep(0.2) -- longer than write_timeout in all
        count = count + #conn:read(1 << 17)
      end
      assert.equal(#BIG, count)
      conn:close()
    end, { write_timeout = 0.6 })
    helper.assert_clean(report)
  end)

  it("ends with write_timeout when the client reads nothing", function()
    client.serving(slow_files, function(address, server)
      local conn = begin(address, "/big.bin")
      assert.is_true(server:wait_for("==", 0, helper.seconds(10)))
      local count, code = rest(conn)
      assert.is_true(count < #BIG and code ~= "eof", code)
      conn:close()
    end, { write_timeout = 0.3 })
  end)

  for name, cut in pairs {
    ["the end of the drain"] = function() lastcall.shutdown(0.3) end,
    ["a client that resets"] = function(conn) conn:abort() end,
    ["its context"] = function() end,
  } do
    it("is cut by " .. name .. ": its descriptor is closed, and the reply is not whole", function()
      local before = helper.descriptors()
      local files, is_known = slow_known_files(), false
      client.serving(function(request, response, ctx)
        if name ~= "its context" or not is_known then return files(request, response) end
        local short <close> = lastcall.context.with_timeout(ctx, 0.2)
        return short:call(files, request, response)
      end, function(address, server)
        get(address, "/big.bin")
        is_known = true
        local conn = begin(address, "/big.bin")
        cut(conn)
        assert.is_true(server:wait_for("==", 0, helper.seconds(10)))
        local _, code = rest(conn)
        assert.is_true(code ~= "eof", code)
        conn:close()
      end)
      assert.is_true(helper.descriptors() <= before)
    end)
  end

  it("is sent to many at once, piece by piece", function()
    client.serving(slow_files, function(address)
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = lastcall.go(function()
          local conn = begin(address, "/big.bin")
          assert.is_true(conn:read(#BIG) == BIG)
          conn:close()
          return true
        end)
      end
      for _, task in ipairs(tasks) do assert(task:wait()) end
    end)
  end)
end)
