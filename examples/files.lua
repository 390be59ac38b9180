-- Serves the files of a folder. Usage: lua files.lua [ADDRESS [FOLDER]]
--
-- A browser or curl gets files whole, in part (so downloads can be resumed), or not again when it has them already. A
-- folder is shown by its index.html. At SIGTERM the downloads under way have 30 seconds to finish.
--
--   curl -O 127.0.0.1:7008/README.md; curl -C - -O 127.0.0.1:7008/large.iso

local http = require "lastcall.http"
local lastcall = require "lastcall"

local address, folder = arg[1] or "127.0.0.1:7008", arg[2] or "."
if arg[3] or address:sub(1, 1) == "-" then
  io.stderr:write("usage: lua files.lua [ADDRESS [FOLDER]]\n")
  os.exit(2)
end

local report = lastcall.run(function()
  local server = lastcall.assert(lastcall.listen(address))
  print("listening " .. server:addresses()[1])
  io.stdout:flush()
  local files = http.files(folder, { index = "index.html" })
  server:serve(http.handler(files, { ready = "/.ready", access_log = http.access_log() }))
end, { drain = 30 })

print(report)
os.exit(report.ok)
