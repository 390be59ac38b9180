local helper = require "spec.helper"

local BEGIN = [[
  local lastcall = require "lastcall"
  local function soft()
    for line in io.lines "/proc/self/limits" do
      local limit = line:match "^Max open files%s+(%d+)"
      if limit then return limit end
    end
  end
]]

local function run_limited(script)
  local path = helper.write_file(BEGIN .. script)
  local output = helper.run(("sh -c 'ulimit -S -n 100; ulimit -H -n 300; exec lua5.4 %s'"):format(path))
  os.remove(path)
  return output
end

describe("raise_descriptors", function()
  it("raises the soft limit for the run, and gives the old one to children", function()
    assert.equal("300\n100\n100\n100\nfalse\t3\n100\n300\n", run_limited [[
      local execute = os.execute
      lastcall.run(function()
        print(soft())
        print(io.popen("ulimit -n"):read())
        print(require "spec_system".limit_in_child())
        io.stdout:flush()
        os.execute "ulimit -n"
        local fine, _, status = os.execute "exit 3"
        print(tostring(fine ~= nil), status)
      end, { raise_descriptors = true })
      print(soft())
      lastcall.run(function() print(soft()) end, { raise_descriptors = true })
      assert(os.execute == execute)
    ]])
  end)

  it("is had by serve, whose server may have as many connections", function()
    local output = run_limited [[
      lastcall.on_shutdown("limit", function() print(soft()) end)
      lastcall.run(function() end)
      lastcall.spawn(function()
        print(soft())
        lastcall.shutdown()
      end)
      lastcall.serve("127.0.0.1:0", function() end, { raise_descriptors = true })
      print(soft())
    ]]
    assert.equal("100\n300\n100\n", helper.without_trace(output))
  end)

  it("is put back where the run raises, and is not done unless it is wanted", function()
    assert.equal("100\n300\n100\n", run_limited [[
      lastcall.run(function() print(soft()) end)
      pcall(lastcall.run, function() print(soft()) error "x" end, { raise_descriptors = true })
      print(soft())
    ]])
  end)
end)
