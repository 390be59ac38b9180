local client = require "spec.support.http.client"
local helper = require "spec.helper"
local process = require "spec.support.process"

local BIG = ("0123456789abcdef"):rep(1 << 18) -- 4 MiB: more than the kernel holds

--- Runs `body(lastcall, address, folder, program)` beside the program, which serves a new folder: the program.
local function with_files(body)
  local folder = helper.socket_path()
  assert(os.execute("mkdir " .. folder))
  helper.write_file(BIG, folder .. "/big")
  helper.write_file("<p>hello", folder .. "/index.html")
  local program = process.example("files", "127.0.0.1:0", folder)
  local address = program:address()
  helper.task(function(lastcall) body(lastcall, address, folder, program) end)
  os.execute("rm -rf " .. folder)
  return program
end

describe("examples/files.lua", function()
  it("finishes a download in its drain", function()
    local output, fine = with_files(function(lastcall, address, _, program)
      local slow, kept = assert(lastcall.connect(address)), assert(lastcall.connect(address))
      helper.send(slow, "GET /big HTTP/1.1\r\nHost: here\r\n\r\n")
      assert.equal("<p>hello", client.ask(kept, "GET", "/").body)
      program:signal "TERM"
      repeat
        local conn, refused = lastcall.connect(address)
        if conn then conn:close() end
        lastcall.sleep(0.02)
      until refused == "refused"
      local reply = client.ask(kept, "GET", "/big", "Range: bytes=10-15\r\n")
      assert.same({ 206, "abcdef", "close" }, { reply.status, reply.body, reply.headers.connection })
      lastcall.sleep(0.3)
      assert.is_true(client.hear(slow).body == BIG)
      slow:close()
      kept:close()
    end):finish()
    assert.is_true(fine, output)
    helper.stopping.assert_says_clean(output)
    assert.is_truthy(output:find('"GET /big HTTP/1.1" 200 4194304', 1, true), output)
  end)

  it("says what it wants", function()
    local output, fine = process.example("files", "--help"):finish()
    assert.is_false(fine)
    assert.matches("^usage: lua files.lua", output)
  end)
end)

describe("curl", function()
  if not helper.run("sh -c 'command -v curl'"):find "/" then
    return it("is there", function() pending "no curl here" end)
  end

  it("gets files from it: whole, in part, resumed, and not again", function()
    with_files(function(_, address, folder)
      local to = folder .. "/got"
      local function curl(arguments)
        return (helper.run(("curl -s -o %s -w '%%{http_code} %%{size_download}' %s http://%s/big"):format(
          to, arguments, address)))
      end
      assert.equal("200 4194304", curl "")
      assert.is_true(helper.read_file(to) == BIG)
      assert.equal("206 5", curl "-r 3-7")
      assert.equal("34567", helper.read_file(to))
      assert.equal("206 5", curl "-r -5")
      assert.equal("bcdef", helper.read_file(to))
      assert.equal("416 0", curl "-r 4194304-")
      helper.write_file(BIG:sub(1, 1000000), to)
      assert.equal("206 3194304", curl "-C -")
      assert.is_true(helper.read_file(to) == BIG)
      helper.write_file("", to)
      assert.equal("304 0", curl(("-z %s/big"):format(folder)))
      assert.equal("200 4194304", curl "-z 'Sun, 02 Feb 2020 00:00:00 GMT'")
      assert.equal("200 0", curl "-I")
      assert.equal("200 4194304", curl "-0")
      local tag = helper.run(("curl -sI http://%s/big"):format(address)):match "\r\nETag: (.-)\r\n"
      tag = tag:gsub("^W/", "")
      assert.equal("304 0", curl(("-H 'If-None-Match: %s'"):format(tag)))
      assert.equal("200 4194304", curl "-r 0-9 -H 'If-Range: \"other\"'")
    end):drain()
  end)
end)
