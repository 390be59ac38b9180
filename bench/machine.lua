--- What a measurement depends on: the machine, its limits, and the versions of what is compared.

local machine = {}

local function output_of(command)
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  local text = pipe:read "a"
  pipe:close()
  return (text:gsub("%s+$", ""))
end

--- "Some Processor, 2 processors, Linux 6.1, 24 GiB; Lua 5.4.4, go1.19, gcc 12"
function machine.describe()
  local versions = {}
  local commands = { "lua5.4 -v", "go version", "node --version | sed 's/^/node /'", "gcc --version | head -n 1" }
  for _, command in ipairs(commands) do
    local version = output_of(command)
    if version ~= "" then versions[#versions + 1] = (version:gsub("%s*Copyright.*$", "")) end
  end
  local processor = output_of "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1"
  return ("%s, %s processors, Linux %s; %s"):format(
    processor, output_of "nproc", output_of "uname -r", table.concat(versions, ", "))
end

--- Of all processors since the machine began, in ticks: their time, and what of it the hypervisor gave to others.
function machine.processor_time()
  local file = assert(io.open "/proc/stat")
  local all, column, stolen = 0, 0, 0
  for ticks in file:read("l"):gmatch "%d+" do
    column = column + 1
    if column <= 8 then all = all + tonumber(ticks) end -- what follows is counted among these
    if column == 8 then stolen = tonumber(ticks) end
  end
  file:close()
  return all, stolen
end

--- How many descriptors a process may have.
function machine.descriptors() return tonumber(output_of "sh -c 'ulimit -Hn'") or 1048576 end

--- How many the system may have.
function machine.open_files() return tonumber(output_of "cat /proc/sys/fs/file-max") end

--- Bytes of memory that are free or can be freed.
function machine.free_memory()
  return tonumber(output_of "sed -n 's/^MemAvailable:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/meminfo") * 1024
end

--- 1000000 -> "1,000,000"
function machine.thousands(number)
  local text = tostring(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

return machine
