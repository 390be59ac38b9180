--- The page in doc/ with the results of a run, and the plot beside it.

local machine = require "machine"
local report = require "report"
local statistics = require "statistics"

local page = {}

--- One line: the machine, what is compared in which version, and how it was measured.
function page.heading(options)
  return ("%s. %d rounds, %g s each after %g s to warm up."):format(
    machine.describe(), options.rounds, options.seconds, options.warm)
end

local INTRODUCTION = [[
# Benchmarks

Written by `make bench-full`; `make bench` is a shorter run. The load generator (`bench/load/`) has one processor, the
server the other. The generator never sleeps: otherwise the server's sends would have to wake it, 1 to 2 µs each here.
Only servers slower than the generator would pay that, and no server whose clients are on other machines. In each
round every server is started afresh, warmed up, measured and ended, in a new random order. Ratios are taken within a
round; the tables show their medians, and their quartiles in parentheses. "raw C" (`bench/rivals/raw.c`) is the same
server written by hand on epoll, edge-triggered, with one buffer for all, without deadlines; "raw C again" is a copy
of it and shows the noise. lastcall (`bench/rivals/lastcall.lua`) has its deadlines, keepalive, registry and an
`on_state` function on, unless a table says otherwise. "sketch" is a server of the same design with nothing else in it
(a loop in C, a coroutine for each connection, deadlines): a floor to measure by, and no part of this project.

What counts is the server's processor time for a request. Throughput stands beside it: the generator is as busy as the
server by hand in C, so that throughput flatters a server that is slower than that.
]]

-- --- the plot ------------------------------------------------------------------------------------

--- One line for each server of each work of traffic: label, median and quartiles of its processor time's ratio.
local function plot_data(results, works)
  local lines, labels = {}, {}
  local at = 0
  for _, work in ipairs(works) do
    if work.kind == "traffic" and results.all[work.name] then
      at = at + 1
      labels[#labels + 1] = ("set label %q at 0,%g font ',11'"):format(work.name, -at)
      for _, server in ipairs(work.servers) do
        local summary = statistics.ratio(results:values(work.name, server, "cpu"),
          results:values(work.name, "raw C", "cpu"))
        if summary then
          at = at + 1
          local color = server:find "^lastcall" and 2 or server:find "^raw C" and 3 or 1
          lines[#lines + 1] = ("%g %g %g %g %d %q"):format(
            -at, summary.median, summary.low, summary.high, color, server)
        end
      end
      at = at + 0.6
    end
  end
  return lines, labels, at
end

local function draw(path, results, works)
  local lines, labels, height = plot_data(results, works)
  if #lines == 0 then return false end
  local pipe = io.popen("gnuplot 2>/dev/null", "w")
  if not pipe then return false end
  pipe:write(([[
set terminal svg size 860,%d font 'sans-serif,11' background '#ffffff'
set output '%s'
set title 'Processor time of a request, the server by hand in C = 1 (median and quartiles)'
set xrange [0:2.5]
set yrange [%g:0]
set grid xtics lc rgb '#dddddd'
set border 1
set xtics nomirror
set ytics nomirror scale 0
set lmargin 20
unset key
set arrow from 1,graph 0 to 1,graph 1 nohead lc rgb '#888888' dt 2
%s
color(n) = n == 2 ? 0x2a6f97 : n == 3 ? 0x888888 : 0xd9a05b
$data << END
%s
END
plot $data using 2:1:(0):2:($1-0.36):($1+0.36):(color($5)):ytic(6) with boxxyerror fs solid 0.85 noborder lc rgb var, \
  '' using 2:1:3:4 with xerrorbars pt 0 lc rgb '#333333'
]]):format(120 + math.ceil(height * 17), path, -height - 0.5, table.concat(labels, "\n"), table.concat(lines, "\n")))
  return pipe:close()
end

-- --- the page ------------------------------------------------------------------------------------

local SCALE = [[

## From a thousand connections to a million

By `make bench-scale`: the idle connections have each sent two words. 64 more are served for 2 s, then comes SIGTERM.
Both sides share the same processors. Handlers begin with the first byte. Several processes (`examples/prefork.lua`)
hold the connections that are too many for one process's descriptors. "a timer" is a task that sleeps, from its start
to its end.

]]

--- What `make bench-scale` has found, where it has run.
local function write_scale(out)
  local file = io.open((os.getenv "LASTCALL_BUILD" or "build") .. "/bench/scale.md")
  if not file then return end
  out:write(SCALE, file:read "a")
  file:close()
end

--- Writes the page, and a plot with the same name beside it where there is a gnuplot.
function page.write(path, results, works)
  local plot = path:gsub("%.md$", "") .. ".svg"
  local drawn = draw(plot, results, works)
  local file = assert(io.open(path, "w"))
  file:write(INTRODUCTION, "\n", results.heading, "\n\n")
  if drawn then file:write(("![Processor time of each server](%s)\n\n"):format(plot:match "[^/]*$")) end
  file:write "## What lastcall has to reach\n\n"
  report.write(file, results, works)
  write_scale(file)
  file:close()
end

return page
