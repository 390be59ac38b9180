--- The program `lastcall`: its words, and scripts. A script that has the name of a word is run by its path: ./serve

local USAGE = [[
usage: lastcall [--drain SECONDS] script.lua [arguments]
       lastcall serve [--workers N] [--control PATH] [--listen ADDRESS ...]
                      [--drain SECONDS] [--canary SECONDS] [--pin]
                      script.lua [arguments]
       lastcall reload [--canary SECONDS] [--control PATH] [--json]
       lastcall status | grow | shrink | stop [--control PATH] [--json]
       lastcall --help | --version

The first runs a script that was written for LuaSocket, unchanged, as the first
task on lastcall: `require "socket"` is lastcall.socket, its calls do not hold
up other tasks, and SIGTERM or SIGINT shuts down in order: nobody who was let
in loses a reply. A second signal hurries, a third ends it. The script may also
be one that was written for lastcall.

`serve` runs N processes of such a script (1) under a supervisor, which holds
their sockets. `reload` replaces the processes by new ones, and fails if the new
ones do not become ready: then the old ones serve on. `status` prints a line for
each process: index, pid, generation, state, connections. `grow` and `shrink`
change N by one. `stop` drains all.

  --drain SECONDS   how long a shutdown may take at most (25)
  --workers N       how many processes
  --control PATH    the unix socket for reload, status and so on; by default one
                    in $XDG_RUNTIME_DIR, /run/lastcall or /tmp, told at start
  --listen ADDRESS  opened before any process; the script listens on it as well
  --canary SECONDS  a reload starts one process first; it serves beside the old
                    ones for so long, and the others follow if it does not fail
                    more often; 0: none. `reload` prints the figures
  --pin             each process on a processor of its own
  --json            the answer is one object of JSON
  --help            this text
  --version         the version

The report of the shutdown goes to stderr. Exit status: 0 when all went well, 1
when the script or the request failed or the shutdown was not ok, 2 for wrong
usage. A script that fails because there is nobody to accept any more, or that
goes on asking for clients, ends with the shutdown; neither makes it fail.
]]

local CLIENT_WORDS = { reload = true, status = true, grow = true, shrink = true, stop = true }

--- Does what the command line says, and ends the process.
return function(given)
  local word = given[1]
  if CLIENT_WORDS[word] then return require "lastcall.program.client"(word, given, USAGE) end
  if word == "serve" then return require "lastcall.program.serve"(given, USAGE) end
  return require "lastcall.program.script"(given, USAGE)
end
