--- The tables that a run of the benches prints, in Markdown.

local statistics = require "statistics"

local report = {}

local UNITS = { rate = "throughput", cpu = "CPU", p99 = "p99" }

local function median_of(results, name, figure)
  local values = results[name] and results[name][figure]
  return values and statistics.summary(values).median
end

local function ratio_of(work, name, reference, figure, rounds)
  local results = work.results
  if not (results[name] and results[reference]) then return nil end
  return statistics.summary(statistics.ratios(results[name][figure], results[reference][figure], rounds))
end

--- "0.95 (0.93 to 0.97)": median and quartiles.
local function spread(summary)
  if not summary then return "" end
  return ("%.2f (%.2f to %.2f)"):format(summary.median, summary.low, summary.high)
end

local function is_met(bar, summary)
  if bar.at_least then return summary.median >= bar.at_least end
  return summary.median <= bar.at_most
end

local function print_bars(works, rounds)
  print "| work | against | what | at least / most | reached: median (quartiles) | |"
  print "|---|---|---|---|---|---|"
  for _, work in ipairs(works) do
    for _, bar in ipairs(work.bars) do
      local summary = ratio_of(work, bar[1], bar[2], bar[3], rounds)
      print(("| %s | %s | %s | %s | %s | %s |"):format(work.name, bar[2], UNITS[bar[3]],
        bar.at_least and ("≥ %.2f"):format(bar.at_least) or ("≤ %.2f"):format(bar.at_most),
        summary and spread(summary) or "not measured here",
        summary and (is_met(bar, summary) and "met" or "**not met**") or ""))
    end
  end
end

local function print_work(work, rounds)
  print(("\n%s\n"):format(work.name))
  print("| server | throughput, raw = 1 | CPU, raw = 1 | p99, raw = 1 | a second | µs CPU | p50 µs | p99 µs "
    .. "| p99.9 µs | busy |")
  print "|---|---|---|---|---|---|---|---|---|---|"
  for _, name in ipairs(work.here) do
    local function median(figure) return median_of(work.results, name, figure) end
    print(("| %s | %s | %s | %s | %.0f | %.2f | %.0f | %.0f | %.0f | %.0f %% |"):format(name,
      spread(ratio_of(work, name, "raw", "rate", rounds)), spread(ratio_of(work, name, "raw", "cpu", rounds)),
      spread(ratio_of(work, name, "raw", "p99", rounds)), median "rate", median "cpu",
      median "p50", median "p99", median "p999", 100 * median "busy"))
  end
end

function report.print(works, options)
  print(("%d rounds of %g s, interleaved. Ratios are taken within a round.\n"):format(options.rounds, options.seconds))
  print_bars(works, options.rounds)
  for _, work in ipairs(works) do print_work(work, options.rounds) end
end

return report
