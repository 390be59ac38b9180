--- The workers' script, as it is on the disk. A worker that takes the place of another starts from it, whatever the
-- generation was started from: after a bad deployment, from a build that was never proved.

local core = require "lastcall.core"

local build = {}

--- What tells this version of the file from others; nil when there is no such file.
function build.mark(script)
  local file <close>, size, seconds, nanoseconds = core.http_file_open(script)
  return file and ("%d.%d.%d"):format(size, seconds, nanoseconds) or nil
end

--- A generation has proved itself, and serves; or it has not, and the build is suspect.
function build.proved(master, mark) master.proved = mark end

function build.refused(master) master.proved = nil end

--- Whether it is the build that the workers have been started from which serve.
function build.is_proved(master)
  return master.proved ~= nil and build.mark(master.options.script) == master.proved
end

return build
