-- Attacks on http.files: paths that lead elsewhere in every disguise, links and directories that are exchanged while
-- they are asked for, what is no file, and every mixture of conditions.
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local folder = helper.socket_path()
assert(os.execute(("mkdir -p %s/root/sub/deep %s/root/turn %s/other"):format(folder, folder, folder)))

local function put(name, text) return helper.write_file(text, folder .. "/" .. name) end

put("root/a.txt", "0123456789")
put("root/turn/file", "fine")
put("other/outside", "secret")
put("other/file", "secret")
assert(os.execute(([[cd %s/root && ln -s loop loop && ln -s ../other up && touch -d "2020-02-03 04:05:06 UTC" a.txt]])
  :format(folder)))

teardown(function() os.execute("rm -rf " .. folder) end)

--- Sends these requests over one connection, and gives each its reply.
local function ask_all(address, requests, heard)
  local conn = assert(lastcall.connect(address))
  local writer = lastcall.go(function()
    for _, request in ipairs(requests) do
      if not conn:write(request) then return end
    end
    conn:flush()
  end)
  for i, request in ipairs(requests) do heard(client.hear(conn, request:find "^HEAD"), i) end
  writer:wait()
  conn:close()
end

local function serving(body, options) client.serving(http.files(folder .. "/root", options), body) end

describe("a path in disguise", function()
  local DOTS = {
    "..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%25%32%65%25%32%65", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae",
    "%u002e%u002e", "%f0%80%80%ae%f0%80%80%ae", "..%00", "%00..", "..%09", "..%20", "..;", "..;a=b", "...",
    "%ef%bc%8e%ef%bc%8e", "up", "./..",
  }
  local SLASHES = {
    "/", "%2f", "%2F", "\\", "%5c", "%5C", "%252f", "%255c", "%c0%af", "%c1%9c", "%e0%80%af", "%ef%bc%8f", "//", "/./",
    "/%2e/", "%2f/", ";/", "%00/",
  }
  local ENDS = { "other/outside", "outside", "etc/passwd", "root/a.txt" }

  it("leads nowhere", function()
    serving(function(address)
      local requests, targets = {}, {}
      local count = 0
      local function add(target)
        count = count + 1
        if not helper.long and count % 3 > 0 then return end
        targets[#targets + 1] = target
        requests[#requests + 1] = ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(target)
      end
      for _, dots in ipairs(DOTS) do
        for _, slash in ipairs(SLASHES) do
          for _, before in ipairs { "/", "/sub" .. slash, "/sub/deep" .. slash .. dots .. slash } do
            for depth = 1, 4, 3 do
              for _, ending in ipairs(ENDS) do add(before .. (dots .. slash):rep(depth) .. ending) end
            end
          end
          add("http://a/" .. dots .. slash .. "other/outside")
        end
      end
      ask_all(address, requests, function(reply, i)
        assert.is_true(reply.status == 404 or reply.status == 400, targets[i])
        assert.is_nil(reply.body:find("secret", 1, true), targets[i])
        assert.is_nil(reply.body:find("root:", 1, true), targets[i])
      end)
      helper.figure("%d disguises of a path", #targets)
    end)
  end)
end)

--- Serves while a shell exchanges things at `root` over and over; `count` requests for the target. The first exchange
-- is over before the first request: a shell may begin later than all requests take.
local function under_exchange(loop, target, count, judge)
  local shell = process.start(("sh -c 'cd %s/root; %s; echo begun; while :; do %s; done'"):format(folder, loop, loop))
  assert.equal("begun", shell.pipe:read())
  local seen = {}
  serving(function(address)
    local requests = {}
    for i = 1, 200 do requests[i] = ("GET %s HTTP/1.1\r\nHost: a\r\n\r\n"):format(target) end
    for _ = 1, count // 200 do
      ask_all(address, requests, function(reply)
        local what = judge(reply)
        seen[what] = (seen[what] or 0) + 1
      end)
    end
  end)
  shell:signal "KILL"
  shell:finish()
  return seen
end

describe("what is exchanged while it is asked for", function()
  local COUNT = helper.long and 20000 or 2000

  local function judge(reply)
    assert.is_true(reply.status == 200 or reply.status == 404, reply.status)
    assert.is_nil(reply.body:find("secret", 1, true))
    return reply.status == 200 and reply.body or "none"
  end

  it("never leads out: a link that points now inside, now outside", function()
    local seen = under_exchange("ln -sfn ../other/outside swap; ln -sfn a.txt swap", "/swap", COUNT, judge)
    assert.is_true((seen["0123456789"] or 0) > 0)
  end)

  it("never leads out: a directory that becomes a link, and back", function()
    local seen = under_exchange("mv turn kept; ln -s ../other turn; rm turn; mv kept turn", "/turn/file", COUNT, judge)
    assert.is_true((seen.fine or 0) > 0)
  end)

  it("is one version or the other, whole", function()
    put("root/short", ("s"):rep(1000))
    put("root/long", ("l"):rep(70000))
    local exchange = "ln short new; mv new both; ln long new; mv new both"
    local seen = under_exchange(exchange, "/both", COUNT // 4, function(reply)
      if reply.status == 404 then return "none" end
      assert.is_true(reply.body == ("s"):rep(1000) or reply.body == ("l"):rep(70000))
      return #reply.body
    end)
    assert.is_true((seen[1000] or 0) + (seen[70000] or 0) > 0)
  end)
end)

describe("what is no file", function()
  it("is not there, and holds nobody up", function()
    local made = os.execute(("cd %s/root && mkfifo fifo && mknod zero c 1 5 2>/dev/null"):format(folder))
    local socket = helper.task(function() assert(lastcall.listen("unix:" .. folder .. "/root/sock")) end)
    assert.is_true(socket.ok)
    serving(function(address)
      local there = assert(lastcall.listen("unix:" .. folder .. "/root/open"))
      local long = ("n"):rep(255)
      put("root/" .. long, "longest")
      local conn = assert(lastcall.connect(address))
      for target, status in pairs {
        ["/fifo"] = 404, ["/zero"] = 404, ["/sock"] = 404, ["/open"] = 404, ["/loop"] = 404, ["/loop/x"] = 404,
        ["/sub"] = 404, ["/sub/deep"] = 404, ["/up"] = 404, ["/up/"] = 404, ["/a.txt/"] = 404, ["/a.txt/a.txt"] = 404,
        ["/" .. long] = 200, ["/" .. long .. "n"] = 404, ["/" .. ("sub/deep/"):rep(500)] = 404,
        ["/" .. ("%73ub/"):rep(900)] = 404,
      } do
        for _, method in ipairs { "GET", "HEAD" } do
          assert.equal(status, client.ask(conn, method, target).status, target)
          assert.equal(status, client.ask(conn, method, target, "Range: bytes=0-\r\nIf-None-Match: *\r\n").status == 404
            and 404 or 200, target)
        end
      end
      conn:close()
      there:close()
    end)
    if not made then helper.figure "no device could be made here" end
  end)
end)

--- What RFC 9110, 13.2.2 and 14.2, says: the status of a GET of a.txt with these headers.
local function status_by_the_book(given)
  local function matches(list, is_weak) return list == "*" or list == "strong" or is_weak and list == "weak" end
  local SINCE = { before = -1, equal = 0, after = 1 }
  if given.match then
    if not matches(given.match, false) then return 412 end
  elseif SINCE[given.unmodified] == -1 then
    return 412
  end
  if given.none then
    if matches(given.none, true) then return 304 end
  elseif SINCE[given.modified] and SINCE[given.modified] >= 0 then
    return 304
  end
  local counts = given.range and (not given.only_if or given.only_if == "strong" or given.only_if == "equal")
  if not counts then return 200 end
  return given.range == "bytes=2-4" and 206 or 416
end

describe("conditions", function()
  it("mean what RFC 9110 says, in every mixture", function()
    local LISTS = { false, "*", "strong", "weak", "other" }
    local DATES = { false, "before", "equal", "after", "nonsense" }
    serving(function(address)
      local tag = (function()
        local conn = assert(lastcall.connect(address))
        local reply = client.ask(conn, "GET", "/a.txt")
        conn:close()
        return reply.headers.etag
      end)()
      local words = {
        strong = '"x", ' .. tag, weak = "W/" .. tag, other = '"other"', ["*"] = "*",
        before = "Sun, 02 Feb 2020 04:05:06 GMT", equal = "Mon, 03 Feb 2020 04:05:06 GMT",
        after = "Tue, 04 Feb 2020 04:05:06 GMT", nonsense = "yesterday",
      }
      local requests, expected, names = {}, {}, {}
      local function add(given, method)
        local lines = {}
        for name, field in pairs {
          match = "If-Match", unmodified = "If-Unmodified-Since", none = "If-None-Match",
          modified = "If-Modified-Since", range = "Range", only_if = "If-Range",
        } do
          local value = given[name]
          if value then
            local text = name == "only_if" and value == "strong" and tag or words[value] or value
            lines[#lines + 1] = ("%s: %s\r\n"):format(field, text)
          end
        end
        local text = ("%s /a.txt HTTP/1.1\r\nHost: a\r\n%s\r\n"):format(method, table.concat(lines))
        local status = status_by_the_book(given)
        if method == "HEAD" and (status == 206 or status == 416) then status = 200 end
        requests[#requests + 1], expected[#expected + 1], names[#names + 1] = text, status, text
      end
      local number = 0
      for _, match in ipairs(LISTS) do
        for _, unmodified in ipairs(DATES) do
          for _, none in ipairs(LISTS) do
            for _, modified in ipairs(DATES) do
              for _, range in ipairs { false, "bytes=2-4", "bytes=10-" } do
                for _, only_if in ipairs { false, "strong", "weak", "other", "equal", "before", "nonsense" } do
                  number = number + 1
                  if helper.long or number % 7 == 0 then
                    add({ match = match, unmodified = unmodified, none = none, modified = modified, range = range,
                      only_if = only_if }, number % 2 == 0 and "GET" or "HEAD")
                  end
                end
              end
            end
          end
        end
      end
      local BODIES = { [200] = "0123456789", [206] = "234" }
      ask_all(address, requests, function(reply, i)
        assert.equal(expected[i], reply.status, names[i])
        if names[i]:find "^GET" then assert.equal(BODIES[reply.status] or "", reply.body or "", names[i]) end
      end)
      helper.figure("%d mixtures of conditions", #requests)
    end)
  end)
end)
