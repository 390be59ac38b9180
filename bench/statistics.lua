--- Medians and quartiles of figures by round; rounds in which there is none are left out.

local statistics = {}

--- The value below which a share of the sorted list lies, between its neighbours in proportion.
local function quantile(sorted, share)
  local position = 1 + (#sorted - 1) * share
  local below = math.floor(position)
  local above = math.min(below + 1, #sorted)
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below)
end

--- { median, low, high, most, count }, low and high being the quartiles; nil when there is no value.
function statistics.summary(values)
  local sorted = {}
  for _, value in pairs(values or {}) do sorted[#sorted + 1] = value end
  if #sorted == 0 then return nil end
  table.sort(sorted)
  return {
    median = quantile(sorted, 0.5),
    low = quantile(sorted, 0.25),
    high = quantile(sorted, 0.75),
    most = sorted[#sorted],
    count = #sorted,
  }
end

--- The same of the quotients of two figures, taken within each round.
function statistics.ratio(values, references)
  local ratios = {}
  for round, value in pairs(values or {}) do
    local reference = references and references[round]
    if reference and reference ~= 0 then ratios[round] = value / reference end
  end
  return statistics.summary(ratios)
end

return statistics
