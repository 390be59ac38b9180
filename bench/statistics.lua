--- Medians and quartiles of lists of numbers.

local statistics = {}

--- The value below which a share of the sorted list lies, between its neighbours in proportion.
local function quantile(sorted, share)
  local position = 1 + (#sorted - 1) * share
  local below = math.floor(position)
  local above = math.min(below + 1, #sorted)
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below)
end

--- Median and quartiles: { median, low, high, count }; nil for an empty list.
function statistics.summary(values)
  if #values == 0 then return nil end
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  return {
    median = quantile(sorted, 0.5),
    low = quantile(sorted, 0.25),
    high = quantile(sorted, 0.75),
    count = #sorted,
  }
end

--- The quotients of two lists, place by place; where either lacks a value there is none.
function statistics.ratios(values, references, rounds)
  local out = {}
  for round = 1, rounds do
    local value, reference = values[round], references[round]
    if value and reference and reference ~= 0 then out[#out + 1] = value / reference end
  end
  return out
end

return statistics
