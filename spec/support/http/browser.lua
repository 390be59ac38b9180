--- Headless Chromium as a client: a script that runs in a page of a server, and what it gives back. In a task.
--
--   local page = browser.open("http://127.0.0.1:8080/", [[
--     tell("begun");                    // to page:told(), as often as the script likes
--     await pause(10);                  // milliseconds
--     await draw();                     // a picture of the page, in the file page:picture()
--     const reply = await fetch("/x");  // everything that a page can do
--     return { status: reply.status };  // to page:result()
--   ]])
--
-- The script is the body of an async function. What it tells and returns comes as JSON does: a Lua string, a number, a
-- boolean or a table; null is nil. Of a failure of the script, told and result raise an error with its words.

local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

local browser = {}
browser.__index = browser

local function find(program)
  return helper.run(("sh -c 'command -v %s'"):format(program)):match "^/[^\n]*"
end

--- Why no browser can be run here, for `pending`; nil when one can.
function browser.missing()
  if not os.getenv "LASTCALL_BROWSERS" then return "only by make browsers" end
  if not find "node" then return "no node here" end
  if not find "chromium" then return "no Chromium here (apt-get install chromium)" end
end

--- The hash of a certificate's key, by which Chromium can be told to trust it.
local function key_hash(certificate)
  return helper.run(([[sh -c 'openssl x509 -in %s -noout -pubkey | openssl pkey -pubin -outform der |
    openssl dgst -sha256 -binary | base64']]):format(certificate)):match "^[%w+/=]+"
end

--- Opens the page, and runs the script in it, for at most so many seconds (60). `screen`: {width, height} of a
-- telephone. `trusted`: the path of a certificate.
function browser.open(url, script, seconds, screen, trusted)
  local folder = helper.socket_path()
  assert(os.execute("mkdir " .. folder))
  helper.write_file(script, folder .. "/script")
  local desk = assert(lastcall.listen("unix:" .. folder .. "/desk"))
  local program = process.start(("node spec/support/http/browser.js %s %s '%s' %s %s"):format(
    find "chromium", folder, url, trusted and key_hash(trusted) or "-", table.concat(screen or {}, " ")), seconds or 60)
  local conn = desk:accept(helper.seconds(20))
  if not conn then
    desk:close()
    error(program:finish())
  end
  return setmetatable({ folder = folder, program = program, conn = conn, desk = desk }, browser)
end

local function hear(self)
  local line = assert(self.conn:read(), "the browser has ended")
  local word, value = line:match "^(%l+) (.*)$"
  value = require "dkjson".decode(value)
  if word == "failed" then
    self:close()
    error(value)
  end
  return word, value
end

--- Waits for what the script tells next.
function browser:told()
  local word, value = hear(self)
  assert(word == "told", "the script is over")
  return value
end

--- Waits for what the script returns; what it tells until then is skipped. The browser is closed then.
function browser:result()
  local word, value
  repeat word, value = hear(self) until word == "result"
  self.conn:read() -- the end: Chromium has left its folder
  self:close()
  return value
end

--- The path of the picture that the script has drawn last, until the page is closed.
function browser:picture() return self.folder .. "/picture.png" end

--- Ends the browser, wherever the script is.
function browser:close()
  if not self.conn then return end
  self.conn:close()
  self.desk:close()
  self.conn = nil
  self.program:finish()
  os.execute("rm -rf " .. self.folder)
end

return browser
