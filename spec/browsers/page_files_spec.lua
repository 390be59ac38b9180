-- scripts/test: early
local browser = require "spec.support.http.browser"
local client = require "spec.support.http.client"
local helper = require "spec.helper"
local http = require "lastcall.http"

describe("Chromium", function()
  local missing = browser.missing()
  if missing then return it("is there", function() pending(missing) end) end

  it("gets files in part, asks whether they have changed, and notices one that becomes shorter", function()
    local folder = helper.socket_path()
    assert(os.execute("mkdir " .. folder))
    helper.write_file("0123456789", folder .. "/a.txt")
    helper.write_file(("x"):rep(32 << 20), folder .. "/big")
    helper.write_file("<p>hello", folder .. "/index.html")
    assert(os.execute(("touch -d '2020-02-03 04:05:06 UTC' %s/a.txt"):format(folder)))
    local files, seen, result = http.files(folder, { index = "index.html" }), {}, nil
    client.serving(function(request, response)
      if request.path == "/cut" then return assert(os.execute(("truncate -s 1000 %s/big"):format(folder))) and 204 end
      return files(request, response)
    end, function(address)
      result = browser.open(("http://%s/"):format(address), [[
        const get = (path, headers, cache) => fetch(path, { headers, cache });
        const part = await get("/a.txt", { Range: "bytes=2-4" });
        const beyond = await get("/a.txt", { Range: "bytes=10-" });
        const first = await (await get("/a.txt", {}, "reload")).text();
        const again = await (await get("/a.txt", {}, "no-cache")).text();
        const big = await get("/big");
        const reader = big.body.getReader();
        await reader.read();
        await get("/cut");
        let cut = "whole";
        try { while (!(await reader.read()).done); } catch (error) { cut = error.name; }
        return [part.status, await part.text(), part.headers.get("Content-Range"), beyond.status, first, again, cut];
      ]]):result()
    end, { on_error = function() end },
      { access_log = function(head, status) seen[#seen + 1] = head:match "^%u+ (%S+)" .. " " .. status end })
    os.execute("rm -rf " .. folder)
    assert.same({ 206, "234", "bytes 2-4/10", 416, "0123456789", "0123456789", "TypeError" }, result)
    local log = table.concat(seen, ",")
    assert.is_truthy(log:find("/a.txt 206", 1, true) and log:find("/a.txt 200,/a.txt 304", 1, true), log)
  end)
end)
