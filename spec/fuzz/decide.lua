--- Decisions out of bytes: the bytes first, and when they are used up, numbers that follow from them. So a few
-- bytes are the seed of a long story, and changing one of many changes one decision.

return function(bytes)
  local at, state = 0, 0x9e3779b97f4a7c15
  for i = 1, #bytes do state = (state ~ bytes:byte(i)) * 0x100000001b3 end

  local function number()
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return state >> 11
  end

  --- From 0 to n - 1.
  return function(n)
    at = at + 1
    if n <= 256 and at <= #bytes then return bytes:byte(at) % n end
    return number() % n
  end
end
