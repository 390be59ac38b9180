local helper = require "spec.helper"

--- What the child of these options wrote to its standard output, which is a file; and how it ended.
local function output_of(lastcall, options)
  local path = os.tmpname()
  local argv = { "sh", "-c", 'exec >"$0"; exec "$@"', path }
  for _, one in ipairs(options.argv) do argv[#argv + 1] = one end
  options.argv = argv
  local child = assert(lastcall.process(options))
  local how, status = child:wait()
  local text = helper.read_file(path)
  os.remove(path)
  return text, how, status
end

describe("lastcall.process", function()
  it("tells how the child ended", function()
    helper.task(function(lastcall)
      local child = assert(lastcall.process { argv = { "sh", "-c", "exit 3" } })
      assert.same({ "exit", 3 }, { child:wait() })
      assert.same({ "exit", 3 }, { child:wait() })
      child = assert(lastcall.process { argv = { "sleep", "100" } })
      helper.failure("timeout", child:wait(0.01))
      assert.is_true(child:is_running())
      assert.is_true(child:kill())
      assert.same({ "signal", 15, "TERM" }, { child:wait() })
      helper.failure("ended", child:kill())
    end)
  end)

  it("gives the child its arguments, environment, directory and descriptors, and no others", function()
    helper.task(function(lastcall)
      local text = output_of(lastcall, { argv = { "printf", "%s|", "a b", "", "$HOME" } })
      assert.equal("a b||$HOME|", text)
      text = output_of(lastcall, { argv = { "env" }, env = { PATH = os.getenv "PATH", A = "1" }, setenv = { B = "2" } })
      assert.truthy(text:find("A=1\n", 1, true) and text:find("B=2\n", 1, true))
      assert.is_nil(text:find("HOME=", 1, true))
      text = output_of(lastcall, { argv = { "pwd" }, cwd = "/" })
      assert.equal("/\n", text)
      local file = assert(io.open "/dev/null")
      text = output_of(lastcall, { argv = { "ls", "/proc/self/fd" }, stdin = "null", fds = { [7] = 2 } })
      file:close()
      assert.equal("0\n1\n2\n3\n7\n", text) -- ls itself has 3
    end)
  end)

  it("says what was the matter when a program cannot run", function()
    helper.task(function(lastcall)
      local function message(options)
        local child, _, text = lastcall.process(options)
        assert.is_nil(child)
        return text
      end
      assert.truthy(message { argv = { "no-such-program" } }:find "no program of this name is in PATH %(ENOENT%)")
      assert.truthy(message { argv = { "/no/such" } }:find "there is no such file %(ENOENT%)")
      assert.truthy(message { argv = { "/etc/passwd" } }:find "not executable for this user.*%(EACCES%)")
      assert.truthy(message { argv = { "true" }, cwd = "/no/such" }:find 'cannot enter the directory "/no/such"')
      helper.raises("argv[2] is a string", lastcall.process, { argv = { "true", 1 } })
      helper.raises("argv[2] is a string", lastcall.process, { argv = { "true", "\0" } })
      helper.raises("env.A is a string", lastcall.process, { argv = { "true" }, env = { A = 1 } })
    end)
  end)

  it("ends the child with its context", function()
    helper.task(function(lastcall)
      local ctx, cancel = lastcall.context.with_cancel()
      local child = assert(lastcall.process { argv = { "sleep", "100" }, ctx = ctx })
      cancel()
      assert.same({ "signal", 15, "TERM" }, { child:wait() })
    end)
  end)
end)
