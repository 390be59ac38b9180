--- Ten thousand connections that have asked twice, and have been silent for longer than `drain.quiet`: the memory that
-- each takes, and how long the server takes from SIGTERM until it is gone.

local server = require "server"
local statistics = require "statistics"

local idle = {}

local LOAD = "%s/bench/load --connections 0 --idle 10000 --http --settle 3.5 -- %s 2>/dev/null"

--- nginx does not print where it listens, and on SIGTERM it waits for nobody: only its memory is of interest.
local function nginx(config, port)
  return ("sh -c '(sleep 0.5; echo 127.0.0.1:%d) & exec nginx -c %s 2>/dev/null'"):format(port, config)
end

--- `nginx_config(port)` writes nginx's file, and returns its name.
local function servers(build, nginx_config)
  local port = 20000 + math.random(10000)
  local all = {
    { name = "lastcall", command = "lua5.4 bench/rivals/lastcall_http.lua" },
    { name = "raw C", command = build .. "/bench/raw" }, -- it echoes the requests
  }
  if server.has "nginx" then
    all[#all + 1] = { name = "nginx", command = nginx(nginx_config(port), port), is_abrupt = true }
  end
  if server.has "go" then all[#all + 1] = { name = "Go net/http", command = build .. "/bench/go_http" } end
  return all
end

local function measure(build, one)
  local text = server.output_of(LOAD:format(build, one.command))
  return tonumber(text:match "memory=(%S+)"), not one.is_abrupt and tonumber(text:match "exit=(%S+)") or nil
end

local function cell(summary, digits)
  local format = "%." .. digits .. "f"
  return summary
    and (format .. " (" .. format .. " to " .. format .. ")"):format(summary.median, summary.low, summary.high) or ""
end

--- Measures all servers in turn, so many rounds, and prints a table.
function idle.compare(build, rounds, nginx_config)
  local all = servers(build, nginx_config)
  for _, one in ipairs(all) do one.memory, one.exit = {}, {} end
  for round = 1, rounds do
    for _, one in ipairs(all) do one.memory[round], one.exit[round] = measure(build, one) end
  end
  print "\n| 10,000 idle connections | bytes each | ms from SIGTERM until exit | lastcall / other |\n|---|---|---|---|"
  for _, one in ipairs(all) do
    print(("| %s | %s | %s | %s |"):format(one.name, cell(statistics.summary(one.memory), 0),
      cell(statistics.summary(one.exit), 0), cell(statistics.ratio(all[1].exit, one.exit), 2)))
  end
end

return idle
