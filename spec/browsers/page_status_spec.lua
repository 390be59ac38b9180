-- scripts/test: early
local browser = require "spec.support.http.browser"
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local PHONE = { 360, 640 }

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local status = http.status { title = "example" }
print(lastcall.run(function()
  local server = lastcall.assert(lastcall.listen "127.0.0.1:0")
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(http.handler(function(request, response, ctx)
    if request.path == "/status" then return status(request, response) end
    if request.path == "/" then return "hello\n" end
    ctx:until_drain():wait()
    lastcall.sleep(3)
    return "done\n"
  end))
end, { drain = 20, log = function() end }))
]]

-- Policy violations and scripts of others are told as well.
local SCRIPT = [[
  const wrong = [];
  document.addEventListener("securitypolicyviolation", (event) => wrong.push(event.violatedDirective));
  globalThis.alert = () => wrong.push("a script of somebody else has run");
  const link = document.getElementById("link"), main = document.querySelector("main");
  const shows = async (text) => { while (!main.innerText.includes(text)) await pause(20); };
  const wide = () => document.documentElement.scrollWidth;
  while (link.innerText != "live") await pause(10);
  await shows("GET /slow");
  const serving = main.innerText;
  document.body.append(Object.assign(document.createElement("script"), { textContent: "alert()" }));
  main.insertAdjacentHTML("beforeend", "<img src=/x onerror=alert()>");
  tell("serving");
  await shows("drain");
  const widths = [wide()], before = main.innerText;
  await pause(600);
  const later = main.innerText;
  widths.push(wide());
  await draw();
  tell("drain");
  while (link.innerText == "live") await pause(10);
  return { serving, before, later, last: main.innerText, link: link.innerText, widths, wrong,
    children: document.querySelectorAll("main img, main b i").length };
]]

describe("Chromium at the status page", function()
  local missing = browser.missing()
  if missing then return it("is there", function() pending(missing) end) end

  it("shows who is at work and the drain as it runs, on a telephone, and runs nothing of others", function()
    local server = process.script(SERVER)
    local address, result = server:address(), nil
    helper.task(function()
      local conns = {}
      for i, path in ipairs { "/slow/" .. ("x"):rep(70), "/slow/<img/src=/y/onerror=alert()>", "/slow", "/", "/" } do
        conns[i] = assert(lastcall.connect(address))
        helper.send(conns[i], ("GET %s HTTP/1.1\r\nHost: here\r\n\r\n"):format(path))
      end
      local page = browser.open(("http://localhost:%s/status"):format(address:match ":(%d+)$"), SCRIPT, 60, PHONE)
      assert.equal("serving", page:told())
      server:signal "TERM"
      assert.equal("drain", page:told())
      local picture = helper.read_file(page:picture())
      local width, height = (">I4I4"):unpack(picture, 17)
      assert.same(PHONE, { width, height })
      local pictures = os.getenv "LASTCALL_PICTURES"
      if pictures then helper.write_file(picture, pictures .. "/status.png") end
      for i, conn in ipairs(conns) do
        if i <= 3 then assert.equal("done\n", client.hear(conn).body) end
        conn:close()
      end
      result = page:result()
    end)
    local output, fine = server:finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output)
    assert.is_truthy(result.serving:find "^serving\n", result.serving)
    local shown = "GET /slow/<img/src=/y/onerror=alert()> from 127.0.0.1"
    assert.is_truthy(result.serving:find(shown, 1, true), result.serving)
    assert.is_truthy(result.before:find "^drain told to stop", result.before)
    assert.is_truthy(result.before:find("At work: the stop waits for them", 1, true), result.before)
    assert.is_not.equal(result.before, result.later)
    assert.is_true(result.before:find "GET /slow" < result.before:find "Servers", result.before)
    assert.is_nil(result.last:find("GET /slow", 1, true), result.last)
    assert.same({ "the server has gone; this is what it said last", 360, 360, 0 },
      { result.link, result.widths[1], result.widths[2], result.children })
    assert.same({ "script-src-elem", "script-src-attr", "img-src" }, result.wrong)
  end)
end)
