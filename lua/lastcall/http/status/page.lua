--- The HTML of the status page. All that comes from elsewhere goes through `safe`.

local log = require "lastcall.log"
local report = require "lastcall.report"

local page = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Text for a place between tags: no markup, no control bytes, and UTF-8.
local function safe(text)
  text = log.escaped(tostring(text))
  if not utf8.len(text) then
    text = text:gsub("[\x80-\xff]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
  end
  return (text:gsub("[&<>\"']", ENTITIES))
end

local STYLE = [[
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: .5rem 1rem 2rem; overflow-wrap: anywhere }
h1, h2 { font-size: 1.1rem; margin: 1.2rem 0 .4rem }
h1 { font-size: 1.3rem; margin: .5rem 0 }
p { margin: .4rem 0 }
ul { list-style: none; margin: 0; padding: 0 }
li { border-top: 1px solid #8885; padding: .4rem 0 }
small, #link { display: block; opacity: .75; font-size: .85rem }
.step { display: inline-block; border-radius: .3rem; padding: .1rem .6rem; background: #2a7d4f; color: #fff }
.leaving { background: #b3541e }
.states { display: grid; grid-template-columns: repeat(auto-fit, minmax(4.2rem, 1fr)); gap: .5rem }
.states b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums }
]]

-- EventSource comes back by itself when its stream has ended, but not after a reply that is no stream.
local SCRIPT = [[
const main = document.querySelector("main"), link = document.getElementById("link")
function watch() {
  const events = new EventSource("?events")
  events.onopen = () => { link.textContent = "live" }
  events.onmessage = (event) => { main.innerHTML = event.data }
  events.onerror = () => {
    link.textContent = "the server has gone; this is what it said last"
    if (events.readyState == EventSource.CLOSED) setTimeout(watch, 3000)
  }
}
watch()
]]

local DOCUMENT = [[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="2"></noscript>
<link rel="icon" href="data:,">
<title>{title}</title>
<style nonce="{nonce}">
{style}</style>
<h1>{title}</h1>
<p id="link">not live</p>
<main>
{contents}</main>
<script nonce="{nonce}">
{script}</script>
</html>
]]

--- Only what the document itself has may run or be loaded.
function page.policy(nonce)
  return ("default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; img-src data:; connect-src 'self'; "
    .. "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"):format(nonce, nonce)
end

-- -------------------------------------------------------------------------------------------- the contents --

local STATES = { "active", "closing", "idle", "new" }

local function say_step(say, found)
  say('<p><b class="step%s">%s</b>', found.since and " leaving" or "", found.step)
  if found.since then say(" told to stop %.1f s ago", found.since) end
  if found.left then say(", %.1f s left", found.left) end
  say "</p>\n"
  if found.hook then say("<p>hook %s</p>\n", safe(found.hook)) end
end

local function say_counts(say, found)
  say '<p class="states">'
  for _, state in ipairs(STATES) do say("<span><b>%d</b>%s</span>", found.states[state], state) end
  say "</p>\n"
  say("<p><small>%d accepted, %d requests, %d in flight, %d watching this page</small></p>\n", found.accepted,
    found.requests, found.in_flight, found.watching)
  if not found.since then return end
  say("<p><small>since it was told: %d finished, %d closed idle, %d canceled, %d late</small></p>\n", found.finished,
    found.closed_idle, found.canceled, found.late)
end

--- The line of a connection or a task: its name, and the rest.
local function say_line(say, one)
  local name, rest = report.straggler_line(one):match "^(.-), (.*)$"
  say("<li>%s<small>%s</small></li>\n", safe(name), safe(rest))
end

local function say_list(say, heading, list, more)
  if #list + more == 0 then return end
  say("<h2>%s</h2>\n<ul>\n", heading)
  for _, one in ipairs(list) do say_line(say, one) end
  if more > 0 then say("<li>and %d more</li>\n", more) end
  say "</ul>\n"
end

local function say_servers(say, found)
  say "<h2>Servers</h2>\n<ul>\n"
  for _, one in ipairs(found.servers) do
    local where = table.concat(one.addresses, " ")
    say("<li>%s<small>%s; connections: %d open, %d accepted, %d late; %d requests</small></li>\n", safe(where),
      one.step, one.connections, one.accepted, one.late, one.requests)
  end
  if found.more_servers > 0 then say("<li>and %d more</li>\n", found.more_servers) end
  say "</ul>\n"
end

--- The part of the page that changes, of a snapshot.
function page.contents(found)
  local parts = {}
  local function say(format, ...) parts[#parts + 1] = select("#", ...) > 0 and format:format(...) or format end
  say_step(say, found)
  say_counts(say, found)
  say_list(say, found.since and "At work: the stop waits for them" or "At work, the oldest first", found.holders,
    found.more_holders)
  say_list(say, "Silent, the oldest first", found.quiet, found.more_quiet)
  say_servers(say, found)
  return table.concat(parts)
end

--- The whole document.
function page.document(title, nonce, contents)
  local values = { title = safe(title), nonce = nonce, style = STYLE, script = SCRIPT, contents = contents }
  return (DOCUMENT:gsub("{(%l+)}", values))
end

return page
