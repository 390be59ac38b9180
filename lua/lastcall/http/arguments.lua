--- Checks the arguments of functions that take a request and its response.

local misuse = require "lastcall.misuse"

local REQUEST, RESPONSE = "lastcall.http.request", "lastcall.http.response"

local function word(class) return class:match "[^.]+$" end

--- What a value is to a script: "request", "websocket", "connection"; or its type.
local function kind_of(value)
  local class = type(value) == "userdata" and getmetatable(value)
  return type(class) == "string" and class:find "^lastcall%." and word(class) or type(value)
end

local function check(what, which, class, value)
  if type(value) == "userdata" and getmetatable(value) == class then return end
  misuse.raise("%s: the %s argument is the %s of a handler, not a %s", what, which, word(class), kind_of(value))
end

--- Raises unless these are the two that a handler gets. `what` takes them.
return function(what, request, response)
  check(what, "first", REQUEST, request)
  check(what, "second", RESPONSE, response)
end
