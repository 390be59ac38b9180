--- Dates as headers have them: read, in the three forms that RFC 9110 names.

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

--- Days from 1970-01-01, by the calendar that leap years have had since 1582.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
end

local function parts(text)
  local day, month, year, time = text:match "^%a+, (%d%d) (%a%a%a) (%d%d%d%d) ([%d:]+) GMT$"
  if day then return day, month, tonumber(year), time end
  day, month, year, time = text:match "^%a+, (%d%d)%-(%a%a%a)%-(%d%d) ([%d:]+) GMT$"
  if day then
    year = tonumber(year)
    return day, month, year + (year < 70 and 2000 or 1900), time
  end
  month, day, time, year = text:match "^%a+ (%a%a%a) ([ %d]%d) ([%d:]+) (%d%d%d%d)$"
  return day, month, tonumber(year), time
end

--- Seconds since 1970; nil for what is no date.
return function(text)
  local day, month, year, time = parts(text)
  month, day = MONTHS[month], tonumber(day)
  local hour, minute, second = (time or ""):match "^(%d%d):(%d%d):(%d%d)$"
  if not (month and hour) or day < 1 or day > 31 then return nil end
  if tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 60 then return nil end
  return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end
