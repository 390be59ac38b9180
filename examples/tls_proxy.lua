-- A proxy that ends TLS, and passes each client on to the upstream of the name that it asked for.
-- Usage: lua tls_proxy.lua ADDRESS CERTIFICATE KEY NAME=UPSTREAM...
--
-- Clients that ask for another name, or none, get the first upstream. SIGHUP reads the certificate anew: clients that
-- come then see the new one, and nobody is dropped.
--
-- A client whose stream is cut, without the goodbye of TLS, ends in a reset of the upstream: what came may be half.

local lastcall = require "lastcall"

local address, certificate, key = arg[1], arg[2], arg[3]
local upstreams, first = {}, nil
for i = 4, #arg do
  local name, upstream = arg[i]:match "^([^=]+)=(.+)$"
  if not name then
    first = nil
    break
  end
  upstreams[name] = upstream
  first = first or upstream
end
if not first then
  io.stderr:write("usage: lua tls_proxy.lua ADDRESS CERTIFICATE KEY NAME=UPSTREAM...\n")
  os.exit(2)
end

local function relay(client)
  local name = client:tls().sni
  local upstream <close>, code, message = lastcall.connect(upstreams[name] or first, { timeout = 5 })
  if not upstream then
    io.stderr:write(("tls_proxy: no upstream for %s: %s (%s)\n"):format(name, message, code))
    return client:abort()
  end
  lastcall.pipe(client, upstream)
end

local report = lastcall.run(function()
  local tls = { certificate = certificate, key = key }
  local server = lastcall.assert(lastcall.listen(address, { tls = tls }))
  lastcall.on_signal("HUP", function()
    local renewed, code, message = server:set_tls(tls)
    io.stderr:write(renewed and "tls_proxy: the certificate is new\n" or
      ("tls_proxy: the certificate stays: %s (%s)\n"):format(message, code))
  end)
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  server:serve(relay)
end)

print(report)
os.exit(report.ok)
