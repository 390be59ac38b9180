--- Sources and sinks of streams, in the shape that LTN12 gives them.

--- Returns a function that chooses from `kinds` by name, or takes "default" without a name.
local function choose(kinds)
  return function(name, first, second)
    if type(name) ~= "string" then name, first, second = "default", name, first end
    local make = kinds[name]
    if not make then error(("unknown key (%s)"):format(tostring(name)), 3) end
    return make(first, second)
  end
end

--- Makes a source or sink that can be called, and used in select.
local function wrap(sock, call)
  return setmetatable({
    getfd = function() return sock:getfd() end,
    dirty = function() return sock:dirty() end,
  }, { __call = call })
end

local sinks = {}

sinks["close-when-done"] = function(sock)
  return wrap(sock, function(_, chunk)
    if chunk then return sock:send(chunk) end
    sock:close()
    return 1
  end)
end

sinks["keep-open"] = function(sock)
  return wrap(sock, function(_, chunk)
    if chunk then return sock:send(chunk) end
    return 1
  end)
end

sinks.default = sinks["keep-open"]

--- Puts sources and sinks into the module. They read its BLOCKSIZE at each call.
return function(socket)
  local sources = {}

  sources["by-length"] = function(sock, length)
    return wrap(sock, function()
      if length <= 0 then return nil end
      local chunk, problem = sock:receive(math.min(socket.BLOCKSIZE, length))
      if problem then return nil, problem end
      length = length - #chunk
      return chunk
    end)
  end

  sources["until-closed"] = function(sock)
    local done = false
    return wrap(sock, function()
      if done then return nil end
      local chunk, problem, partial = sock:receive(socket.BLOCKSIZE)
      if not problem then return chunk end
      if problem ~= "closed" then return nil, problem end
      sock:close()
      done = true
      return partial
    end)
  end

  sources.default = sources["until-closed"]

  socket.choose, socket.sourcet, socket.sinkt = choose, sources, sinks
  socket.source, socket.sink = choose(sources), choose(sinks)
end
