-- scripts/test: early
local browser = require "spec.support.http.browser"
local helper = require "spec.helper"
local process = require "spec.support.process"

local FOLLOW = [[
  const seen = [];
  let opened = 0, ends = 0;
  const source = new EventSource("/events");
  source.onopen = () => opened++;
  source.onmessage = (event) => seen.push([Number(event.lastEventId), Number(event.data)]);
  for (let told = 0; told < 3; told++) { // the program waits for each
    const before = seen.length;
    while (seen.length < before + 20) await pause(10);
    tell(seen.length);
  }
  source.close();
  const wrong = seen.filter(([id, data], i) => id != data || (i && id != seen[i - 1][0] + 1));
  return { count: seen.length, wrong, opened };
]]

local function start(address, place)
  local server = process.start(("lua5.4 spec/support/http/ticks.lua %s %d"):format(address, place), 60)
  server:address()
  return server
end

describe("EventSource in Chromium", function()
  local missing = browser.missing()
  if missing then return it("is there", function() pending(missing) end) end

  it("loses no event and sees none twice over a rolling restart of two servers", function()
    helper.stopping.needs_hiding(pending)
    helper.task(function(lastcall)
      local address = process.address_to_be()
      local servers = { start(address, 1), start(address, 2) }
      local page = browser.open(("http://%s/"):format(address), FOLLOW)
      assert.is_true(page:told() > 1)
      for place = 1, 2 do
        assert.equal("clean\n", servers[place]:drain_beside(lastcall))
        servers[place] = start(address, place)
        page:told() -- events have come since
      end
      local result = page:result()
      assert.same({}, result.wrong)
      helper.figure("%d events over %d streams", result.count, result.opened)
      assert.is_true(result.count > 20)
      for _, server in ipairs(servers) do assert.equal("clean\n", server:drain_beside(lastcall)) end
    end)
  end)

  it("shows the messages of examples/events.lua, also those from before", function()
    helper.task(function(lastcall)
      local example = process.example("events", "127.0.0.1:0")
      local address = example:address()
      assert.equal("1\n", (helper.run(("curl -s -d text=before http://%s/"):format(address))))
      local page = browser.open(("http://%s/"):format(address), [[
        const form = document.forms[0];
        form.text.value = "a & b";
        form.requestSubmit();
        const list = document.getElementById("list"), state = document.getElementById("state");
        while (list.children.length < 2) await pause(10);
        tell([...list.children].map((line) => line.innerText).join("|") + "|" + state.innerText);
        while (state.innerText == "connected") await pause(10);
        return state.innerText;
      ]])
      assert.equal("a & b|before|connected", page:told())
      helper.stopping.assert_says_clean(example:drain())
      assert.equal("gone, comes back", page:result())
      lastcall.sleep(0)
    end)
  end)
end)
