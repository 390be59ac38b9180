local client = require "spec.support.http.client"
local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local function files_in(folder) return (helper.run("ls -A " .. folder)) end

describe("examples/uploads.lua", function()
  it("keeps whole files, also one that is under way when it is told to stop, and nothing of others", function()
    local folder = helper.socket_path()
    assert(os.execute("mkdir " .. folder))
    local upload = process.example("uploads", folder, "127.0.0.1:0")
    local address = upload:address()
    local large = ("0123456789abcdef"):rep(1 << 16)
    helper.task(function()
      local conn = assert(lastcall.connect(address))
      local function put(path, body)
        return client.ask(conn, "PUT", path, ("Content-Length: %d\r\n"):format(#body), body).status
      end
      assert.equal(201, put("/a.txt", large))
      assert.equal(large, helper.read_file(folder .. "/a.txt"))
      assert.equal(204, put("/a.txt", "short"))
      assert.equal("short", helper.read_file(folder .. "/a.txt"))
      for _, path in ipairs { "/", "/.hidden", "/..%2fx", "/a/b", "/%00", "/%zz" } do
        assert.equal(400, put(path, "x"), path)
      end
      assert.equal(405, client.ask(conn, "GET", "/a.txt").status)
      conn:close()

      local gone = assert(lastcall.connect(address))
      helper.send(gone, "PUT /gone HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\npart")
      repeat lastcall.sleep(0.01) until files_in(folder):find("gone", 1, true)
      gone:abort()
      repeat lastcall.sleep(0.01) until files_in(folder) == "a.txt\n"

      local head = "PUT /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
      local reply = client.across_stop(upload, address, head .. "3\r\none\r\n3\r\nt", "wo\r\n0\r\n\r\n")
      assert.equal(201, reply.status)
      assert.equal("onetwo", helper.read_file(folder .. "/b"))
      assert.equal("a.txt\nb\n", files_in(folder))
    end)
    assert(os.execute("rm -r " .. folder))
  end)
end)
