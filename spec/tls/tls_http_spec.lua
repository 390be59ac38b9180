local certificates = require "spec.support.certificates"
local helper = require "spec.helper"
local process = require "spec.support.process"

local SERVER = [[
local lastcall, http = require "lastcall", require "lastcall.http"
local function chunks(count)
  local i = 0
  return function()
    i = i + 1
    return i <= count and ("x"):rep(1000) or nil
  end
end
local fns = {
  ["/hello"] = function(request) return request.scheme .. " " .. (request.conn:tls().alpn or "none") end,
  ["/big"] = function() return ("x"):rep(4 * 1024 * 1024) end,
  ["/small"] = function() return ("x"):rep(64 * 1024) end,
  ["/stream"] = function() return 200, chunks(30) end,
  ["/echo"] = function(request) return assert(request:body()) end,
  ["/cut"] = function(_, response)
    response:write(("x"):rep(1000))
    response:flush()
    error "on purpose"
  end,
  ["/file"] = function(_, response) response:file "%s" end,
}
local tls = { certificate = "%s", key = "%s", alpn = { "http/1.1" } }
local notes = {}
local function log(_, event, fields) notes[#notes + 1] = event .. " " .. tostring(fields.cause) end
local server = lastcall.listen("127.0.0.1:0", { tls = tls, on_error = function() end, drain = { quiet = 0.2 } })
local plain = lastcall.listen("127.0.0.1:0", { on_error = function() end, log = log })
local report = lastcall.run(function()
  for _, one in ipairs { server, plain } do
    lastcall.spawn(function()
      one:serve(http.handler(function(request, response) return fns[request.path](request, response) end))
    end)
  end
  lastcall.sleep(0)
  print("listening " .. server:addresses()[1] .. " " .. plain:addresses()[1])
  io.stdout:flush()
end, { log = function() end })
for _, note in ipairs(notes) do print(note) end
print(report.ok and "ok" or "not ok", report.late)
]]

describe("HTTP over TLS", function()
  local program, address, plain, file

  setup(function()
    file = helper.write_file(("f"):rep(300000))
    local of = certificates.of()
    program = process.script(SERVER:format(file, of.certificate, of.key))
    address, plain = program:address():match "(%S+) (%S+)"
    address = address:gsub("127.0.0.1", "localhost")
  end)

  teardown(function()
    local output = program:drain()
    assert(output:find("request refused the client speaks TLS", 1, true), output)
    assert(output:find "\nok\t0", output)
    os.remove(file)
    certificates.remove()
  end)

  local function curl(path, options)
    local command = "curl -s -S --cacert %s %s https://%s%s"
    return helper.run(command:format(certificates.authority(), options or "", address, path))
  end

  it("is https, with the protocol that was agreed on", function()
    assert.equal("https http/1.1", (curl "/hello"))
    assert.equal("https none", (curl("/hello", "--no-alpn")))
  end)

  it("gives curl whole replies, large ones, in chunks, and of files", function()
    local sizes = { ["/big"] = 4 * 1024 * 1024, ["/small"] = 65536, ["/stream"] = 30000, ["/file"] = 300000 }
    for path, size in pairs(sizes) do
      local output, fine = curl(path, "-o /dev/null -w '%{size_download}'")
      assert.is_true(fine, output)
      assert.equal(tostring(size), output)
    end
    assert.equal(300000, #(curl("/echo", "--data-binary @" .. file)))
    for _, path in ipairs { "/big", "/small" } do -- and while an upload goes nowhere
      local output, fine = curl(path, "-H Expect: -T " .. file .. " -o /dev/null -w '%{size_download}'")
      assert.is_true(fine, output)
    end
  end)

  it("shows curl a torn reply", function()
    for _, options in ipairs { "", "--http1.0 --no-alpn" } do
      local output, fine, status = curl("/cut", options .. " -o /dev/null")
      assert.is_false(fine)
      assert.is_truthy(status == 18 or status == 56, output .. tostring(status))
    end
  end)

  it("says in the log of a port in clear that a client speaks TLS", function()
    local output, fine = helper.run(("curl -s -S -k https://%s/"):format(plain))
    assert.is_false(fine)
    assert.matches("wrong version number", output)
  end)

  it("is what Python, node and Go take it for", function()
    local python = helper.write_file(([[
import ssl, sys, urllib.request, http.client
context = ssl.create_default_context(cafile="%s")
print(len(urllib.request.urlopen("https://%s/big", context=context).read()))
try:
    print(len(urllib.request.urlopen("https://%s/cut", context=context).read()))
except (http.client.HTTPException, OSError) as e:
    print("torn")
]]):format(certificates.authority(), address, address))
    local output = helper.run("/usr/bin/python3 " .. python)
    assert.equal("4194304\ntorn\n", output)
    os.remove(python)
    local node = helper.write_file(([[
const https = require("https"), fs = require("fs");
const ca = fs.readFileSync("%s");
function get(path) {
  return new Promise(done => {
    let size = 0;
    const request = https.get("https://%s" + path, { ca }, reply => {
      reply.on("data", piece => size += piece.length);
      reply.on("end", () => done(reply.complete ? size : "torn"));
      reply.on("error", () => done("torn"));
    });
    request.on("error", () => done("torn"));
  });
}
get("/big").then(size => { console.log(size); return get("/cut"); }).then(size => console.log(size));
]]):format(certificates.authority(), address))
    assert.equal("4194304\ntorn\n", (helper.run("node " .. node)))
    os.remove(node)
  end)

  it("is what Go takes it for", function()
    if not helper.long then return end
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    helper.write_file(([[
package main
import ("crypto/tls"; "crypto/x509"; "fmt"; "io"; "net/http"; "os")
func main() {
  pem, _ := os.ReadFile("%s")
  pool := x509.NewCertPool()
  pool.AppendCertsFromPEM(pem)
  client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
  for _, path := range []string{"/big", "/cut"} {
    reply, err := client.Get("https://%s" + path)
    if err != nil { fmt.Println(err); continue }
    body, err := io.ReadAll(reply.Body)
    if err != nil { fmt.Println("torn") } else { fmt.Println(len(body)) }
  }
}
]]):format(certificates.authority(), address), folder .. "/client.go")
    local output = helper.run("env GO111MODULE=off GOFLAGS= go run " .. folder .. "/client.go", 60)
    assert.equal("4194304\ntorn\n", output)
    os.execute("rm -r " .. folder)
  end)
end)
