--- The tables of a run, in Markdown: first what lastcall has to reach, then each work with all figures.

local statistics = require "statistics"

local report = {}

local REFERENCE = "raw C"
local COPY = REFERENCE .. " again"

--- figure -> what it is called, its unit, how it is written
local FIGURES = {
  rate = { "throughput", "a second", "%.0f" },
  cpu = { "processor time", "µs of processor time each", "%.2f" },
  p50 = { "p50", "p50, µs", "%.0f" },
  p99 = { "p99", "p99, µs", "%.0f" },
  p999 = { "p99.9", "p99.9, µs", "%.0f" },
  busy = { "busy", "share of time busy", "%.2f" },
  memory = { "memory", "bytes each", "%.0f" },
  accept_cpu = { "CPU to accept", "µs to accept", "%.1f" },
  request_cpu = { "CPU of a request", "µs a request", "%.1f" },
  close_cpu = { "CPU to close", "µs to close", "%.1f" },
  eof = { "until the last EOF", "ms until the last EOF", "%.0f" },
  exit = { "until exit", "ms until exit", "%.0f" },
  lost = { "lost", "lost", "%.0f" },
  longest_turn = { "longest turn", "longest turn, ms", "%.1f" },
  drain_turn = { "longest turn of the drain", "longest turn of the drain, ms", "%.1f" },
  capacity = { "lines for the processor time", "lines a second of every process's processor time", "%.0f" },
  slow_memory = { "memory", "bytes for each slow reader", "%.0f" },
}

--- What is shown of a kind of work: ratios to the reference, and figures as they are.
local COLUMNS = {
  traffic = { ratios = { "cpu", "rate", "p99" }, plain = { "cpu", "rate", "p50", "p99", "p999", "busy" } },
  idle = {
    ratios = { "exit", "eof" },
    plain = { "memory", "accept_cpu", "request_cpu", "close_cpu", "eof", "exit", "lost" },
  },
  turns = { ratios = {}, plain = { "longest_turn", "drain_turn", "cpu", "rate", "p50", "p99", "p999" } },
  processes = {
    reference = "lastcall, processes: 1",
    ratios = { "cpu", "rate" },
    plain = { "cpu", "rate", "p50", "p99", "p999", "busy" },
  },
  bursts = {
    reference = "lastcall, processes: 1",
    ratios = { "capacity", "rate" },
    plain = { "cpu", "capacity", "rate", "busy" },
  },
  slow = { ratios = { "cpu", "rate" }, plain = { "slow_memory", "cpu", "rate", "p50", "p99", "p999" } },
}

local function ratio(results, work, server, reference, figure)
  return statistics.ratio(results:values(work, server, figure), results:values(work, reference, figure))
end

--- "0.95 (0.93 to 0.97)"
local function with_spread(summary, format)
  if not summary then return "" end
  local function text(value) return format:format(value) end
  return ("%s (%s to %s)"):format(text(summary.median), text(summary.low), text(summary.high))
end

local function row(out, cells) out:write("| ", table.concat(cells, " | "), " |\n") end

local function rule(out, columns) out:write(("|---"):rep(columns), "|\n") end

local function is_met(bar, summary)
  if bar.at_least then return summary.median >= bar.at_least end
  return summary.median <= bar.at_most
end

--- A server's figure, against that of the reference when there is one: as a summary and as text.
local function figure_of(results, work, server, reference, figure)
  local summary, format
  if reference then summary, format = ratio(results, work.name, server, reference, figure), "%.2f"
  else summary, format = statistics.summary(results:values(work.name, server, figure)), FIGURES[figure][3] end
  return summary, with_spread(summary, format)
end

--- What stands beside a server's figure: those of a copy of the reference, and of the sketch.
local function beside(results, work, reference, figure)
  local texts = { [COPY] = "", sketch = "" }
  if reference and reference ~= REFERENCE then return texts end
  for _, server in ipairs(work.servers) do
    local key = server:match "^sketch" or reference and server
    if texts[key] then texts[key] = select(2, figure_of(results, work, server, reference, figure)) end
  end
  return texts
end

--- The cells of a bar, and whether it is met; nil where it was not measured.
local function judge(results, work, bar)
  local server, reference, figure = bar[1], bar[2], bar[3]
  local summary, text = figure_of(results, work, server, reference, figure)
  local others = beside(results, work, reference, figure)
  local met, verdict = nil, "not measured here"
  if summary then
    met = is_met(bar, summary)
    verdict = met and "met" or "**not met**"
  end
  return met, {
    work.name, server, reference or "", FIGURES[figure][reference and 1 or 2], text,
    bar.at_least and ("≥ %g"):format(bar.at_least) or ("≤ %g"):format(bar.at_most),
    verdict, others[COPY], others.sketch,
  }
end

local function write_bars(out, results, works)
  local count, met_count = 0, 0
  row(out, { "work", "server", "against", "figure", "is: median (quartiles)", "has to be", "", COPY, "sketch" })
  rule(out, 9)
  for _, work in ipairs(works) do
    for _, bar in ipairs(results.all[work.name] and work.bars or {}) do
      local met, cells = judge(results, work, bar)
      row(out, cells)
      if met ~= nil then count = count + 1 end
      if met then met_count = met_count + 1 end
    end
  end
  out:write(("\n%d of %d met.\n"):format(met_count, count))
end

--- The processor time that the hypervisor gave to others during the measurements.
local function write_stolen(out, results)
  local shares = {}
  for _, servers in pairs(results.all) do
    for _, figures in pairs(servers) do
      for _, share in pairs(figures.stolen or {}) do shares[#shares + 1] = share end
    end
  end
  local summary = statistics.summary(shares)
  if not summary then return end
  out:write(("\nThe hypervisor gave a share of the processors' time to others: in half of the measurements that " ..
    "count %.1f %% or less, in three quarters %.1f %% or less, at most %.1f %%. A measurement that lacked more than " ..
    "3 %% was repeated, up to three times.\n"):format(summary.median * 100, summary.high * 100, summary.most * 100))
end

local function write_work(out, results, work)
  local columns = COLUMNS[work.kind]
  local reference = columns.reference or REFERENCE
  local head, measured = { "server" }, results.all[work.name]
  for _, figure in ipairs(columns.ratios) do head[#head + 1] = ("%s, %s = 1"):format(FIGURES[figure][1], reference) end
  for _, figure in ipairs(columns.plain) do head[#head + 1] = FIGURES[figure][2] end
  out:write(("\n## %s\n\n"):format(work.name:gsub("^%l", string.upper)))
  row(out, head)
  rule(out, #head)
  for _, server in ipairs(work.servers) do
    if measured[server] then
      local cells = { server }
      for _, figure in ipairs(columns.ratios) do
        cells[#cells + 1] = with_spread(ratio(results, work.name, server, reference, figure), "%.2f")
      end
      for _, figure in ipairs(columns.plain) do
        local summary = statistics.summary(results:values(work.name, server, figure))
        cells[#cells + 1] = summary and FIGURES[figure][3]:format(summary.median) or ""
      end
      row(out, cells)
    end
  end
end

--- Writes all of it to a file.
function report.write(out, results, works)
  write_bars(out, results, works)
  write_stolen(out, results)
  for _, work in ipairs(works) do
    if results.all[work.name] then write_work(out, results, work) end
  end
end

return report
