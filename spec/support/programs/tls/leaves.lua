-- Answers a line over TLS, and leaves its client open: by its end, or by an error.

local base = require "spec.support.programs.tls.base"

local server = base.listen()
local client = base.wrap(assert(server:accept()), nil)
assert(client:dohandshake())
client:send("you said: " .. assert(client:receive()) .. "\n")
if arg[1] == "fails" then error "it fails" end
