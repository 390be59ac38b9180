--- Children with pipes and a pair of sockets: one ends by itself, one is stopped, one is left to the shutdown.
local life = require "spec.faults.life"
local try = life.try

local function close_all(child)
  for _, conn in pairs(child.fds) do try(conn:close(1)) end
end

life.live(function(lastcall)
  local child = try(lastcall.process { argv = { "cat" }, stdin = "pipe", stdout = "pipe" })
  if child then
    try(child.stdin:write "hello\n")
    try(child.stdin:flush())
    try(child.stdout:read())
    close_all(child)
    child:stop(1)
    try(child:wait(20))
  end
  child = try(lastcall.process { argv = { "sh", "-c", "exit 3" }, fds = { [3] = "socket" } })
  if child then
    try(child:wait(20))
    close_all(child)
  end
  child = try(lastcall.process { argv = { "sleep", "100" }, process_group = true })
  if child then
    try(child:kill())
    try(child:wait(20))
  end
  try(lastcall.process { argv = { "sleep", "100" } })
end)
