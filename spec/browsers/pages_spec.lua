-- scripts/test: early
local browser = require "spec.support.http.browser"
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local PAGE = { ["Content-Type"] = "text/html" }
local FORM = [[<form action=/form method=post target=frame>
<input name=a value="1 &amp; &#233;"><input name=b value=2></form><iframe name=frame></iframe>]]

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen("%s", { reuseport = true }))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request)
    local body = request:body()
    lastcall.sleep(0.01)
    return "%d " .. #body
  end))
end, { log = function() end })
print(report.clean and "clean" or tostring(report), report.late)
]]

--- Runs the script in a page of a server in this process: what it returned, and the report of the server.
local function visit(pages, script, options)
  local result
  local report = client.serving(function(request, response, ctx)
    local page = pages[request.path]
    if not page then return 404, "nothing is here\n" end
    return page(request, response, ctx)
  end, function(address)
    result = browser.open(("http://%s/"):format(address), script):result()
  end, options)
  return result, report
end

describe("Chromium", function()
  local missing = browser.missing()
  if missing then return it("is there", function() pending(missing) end) end

  it("asks over few connections, which are kept", function()
    local conns, count = {}, 0
    local result, report = visit({
      ["/"] = function() return 200, PAGE, "<p>hello</p>" end,
      ["/one"] = function(request)
        if not conns[request.conn.id] then conns[request.conn.id], count = true, count + 1 end
        return request.query
      end,
    }, [[
      const texts = [];
      for (let i = 0; i < 50; i++) texts.push(await (await fetch("/one?" + i)).text());
      const several = await Promise.all([...Array(50).keys()].map(async (i) => (await fetch("/one?" + i)).text()));
      return [texts.join(), several.join(), document.body.innerText.trim()];
    ]])
    local numbers = {}
    for i = 0, 49 do numbers[#numbers + 1] = i end
    local text = table.concat(numbers, ",")
    assert.same({ text, text, "hello" }, result)
    assert.is_true(count <= 6, count)
    helper.assert_clean(report)
  end)

  it("sends forms, also by a click, and bodies of every kind", function()
    local result = visit({
      ["/"] = function() return 200, PAGE, FORM end,
      ["/form"] = function(request)
        local form = assert(request:form())
        return 200, PAGE, form.a .. "|" .. form.b
      end,
      ["/echo"] = function(request) return request.method .. #assert(request:body()) end,
    }, [[
      const frame = document.querySelector("iframe");
      const loaded = new Promise((done) => frame.addEventListener("load", done, { once: true }));
      document.querySelector("form").submit();
      await loaded;
      const post = async (path, body, method = "POST") => (await fetch(path, { method, body })).text();
      return [
        frame.contentDocument.body.innerText,
        await post("/form", new URLSearchParams({ a: "x+y", b: "=" })),
        await post("/echo", "x".repeat(300000)),
        await post("/echo", new Blob(["x".repeat(1000)]), "PUT"),
        await post("/echo", ""),
      ];
    ]])
    assert.same({ "1 & é|2", "x+y|=", "POST300000", "PUT1000", "POST0" }, result)
  end)

  it("sees pieces as they come, lengths, failures, and half a reply", function()
    local go_on = lastcall.channel()
    local result = visit({
      ["/"] = function() return 200, PAGE, "" end,
      ["/pieces"] = function(_, response)
        response:write "first"
        response:flush()
        go_on:receive()
        response:write "second"
      end,
      ["/on"] = function()
        go_on:close()
        return 204
      end,
      ["/text"] = function() return "1234" end,
      ["/raise"] = function() error "on purpose" end,
      ["/cut"] = function(_, response)
        response:write(("x"):rep(1000))
        response:flush()
        error "on purpose"
      end,
    }, [[
      const pieces = (await fetch("/pieces")).body.getReader();
      const read = async () => new TextDecoder().decode((await pieces.read()).value);
      const first = await read();
      const empty = (await fetch("/on")).status; // the second piece comes after this
      const second = await read();
      const head = await fetch("/text", { method: "HEAD" });
      const cut = await fetch("/cut").then((reply) => reply.text()).then(() => "whole", () => "noticed");
      return [first, empty, second, head.headers.get("Content-Length"), (await fetch("/raise")).status, cut];
    ]], { on_error = function() end })
    assert.same({ "first", 204, "second", "4", 500, "noticed" }, result)
  end)

  it("ends a request that its page gives up", function()
    local begun, code = lastcall.channel(1), nil
    local result = visit({
      ["/"] = function() return 200, PAGE, "" end,
      ["/begun"] = function() return begun:receive() and "yes" end,
      ["/slow"] = function()
        begun:send(true)
        code = select(2, lastcall.sleep(helper.seconds(10)))
        return "done"
      end,
    }, [[
      const stop = new AbortController();
      const slow = fetch("/slow", { signal: stop.signal }).then(() => "whole", (error) => error.name);
      await fetch("/begun");
      stop.abort();
      return await slow;
    ]])
    assert.equal("AbortError", result)
    assert.equal("canceled", code)
  end)

  it("fails no fetch when the server is replaced under its page", function()
    helper.stopping.needs_hiding(pending)
    local address = process.address_to_be()
    local function start(number)
      local server = process.script(SERVER:format(address, number))
      server:address()
      return server
    end
    helper.task(function()
      local old = start(1)
      local page = browser.open(("http://%s/"):format(address), [[
        let served = 0, newest = 0;
        const failed = [];
        async function client(method) {
          for (let i = 0; newest < 3 || served < 400; i++) {
            await pause(Math.random() * (i % 10 == 9 ? 1000 : 50));
            try {
              const body = method == "POST" ? "x".repeat(i) : undefined;
              const reply = await fetch("/" + i, { method, body });
              const [number, size] = (await reply.text()).split(" ").map(Number);
              if (reply.status != 200 || size != (body || "").length) failed.push(reply.status);
              if (number > newest) tell(newest = number);
              served++;
            } catch (error) {
              failed.push(String(error));
            }
          }
        }
        await Promise.all(["GET", "POST", "GET", "POST"].map(client));
        return { served, failed };
      ]])
      assert.equal(1, page:told())
      for number = 2, 3 do
        local new = start(number)
        assert.equal("clean\t0\n", old:drain())
        old = new
        assert.equal(number, page:told())
      end
      local result = page:result()
      assert.same({}, result.failed)
      helper.figure("%d fetches, three servers one after the other", result.served)
      assert.equal("clean\t0\n", old:drain())
    end)
  end)
end)
