local control = require "lastcall.supervise.control"
local helper = require "spec.helper"

local PROGRAM = "lua5.4 bin/lastcall "

--- Runs `body(ask, at, lastcall)` with a control socket for the service; ask(words) returns output and exit status.
local function with(service, body)
  local at = helper.socket_path()
  helper.task(function(lastcall)
    local door = assert(control.open(at))
    door:attach(service)
    body(function(words)
      local output, _, status = helper.run_beside(lastcall, PROGRAM .. words:gsub("@", "--control " .. at))
      return output, status
    end, at, lastcall)
    door:close()
  end)
end

describe("lastcall reload, status, grow, shrink, stop", function()
  it("tell what the supervisor answers, and fail with its reason", function()
    local asked = {}
    local function noted(name, fine, reason)
      return function()
        asked[#asked + 1] = name
        return fine, reason
      end
    end
    local service = {
      reload = noted("reload", nil, "worker 2 has ended: no module 'x'"), grow = noted("grow", true),
      shrink = noted("shrink", true), stop = noted("stop", true), wait = noted("wait", {}),
      status = function()
        return { { index = 1, pid = 100, generation = 2, state = "ready", connections = 3 } }
      end,
    }
    with(service, function(ask)
      assert.same({ "1 100 2 ready 3\n", 0 }, { ask "status @" })
      local object = '{"ok":true,"workers":[{"index":1,"pid":100,"generation":2,"state":"ready","connections":3}]}\n'
      assert.same({ object, 0 }, { ask "status --json @" })
      assert.same({ "lastcall: reload: worker 2 has ended: no module 'x'\n", 1 }, { ask "reload @" })
      assert.same({ "", 0 }, { ask "grow @" })
      assert.same({ "", 0 }, { ask "shrink @" })
      assert.same({ "", 0 }, { ask "stop @" })
      assert.equal("reload grow shrink stop wait", table.concat(asked, " "))
    end)
  end)

  it("say what a canary is to be, and show how it does on a terminal alone", function()
    local asked = {}
    local service = {}
    function service.reload(_, given)
      asked[#asked + 1] = ("%s %s"):format(given.canary, given.progress and "shows" or "quiet")
      if given.progress then
        given.progress "2 s left: in 1 s it served 7, failed 0"
        given.progress "1 s left\27[31m"
      end
      return true, "the canary is kept: in 3 s"
    end
    with(service, function(ask, at, lastcall)
      assert.same({ "the canary is kept: in 3 s\n", 0 }, { ask "reload --canary 3 @" })
      assert.same({ "the canary is kept: in 3 s\n", 0 }, { ask "reload @ --canary=0.5" })
      assert.same({ '{"ok":true,"text":"the canary is kept: in 3 s"}\n', 0 }, { ask "reload --json --canary 0 @" })
      assert.same({ "3 quiet", "0.5 quiet", "0 quiet" }, asked)
      local conn = assert(lastcall.connect("unix:" .. at))
      conn:write "reload --canary x\nreload --canary -1 --json\nreload --canary\n"
      conn:write "reload --canary nan\nstatus --canary 3\n"
      assert.equal("error --canary takes a number of seconds", conn:read())
      assert.equal('{"ok":false,"error":"--canary takes a number of seconds"}', conn:read())
      assert.equal("error reload takes no argument but --json, --progress and --canary SECONDS", conn:read())
      assert.equal("error --canary takes a number of seconds", conn:read())
      assert.equal("error status takes no argument but --json", conn:read())
      conn:close(0)
      local _, has_script = helper.run "script --version"
      if not has_script then return helper.figure "no program script here: not shown on a terminal" end
      local output = helper.run_beside(lastcall, ("script -qec '%s reload --control %s' /dev/null"):format(PROGRAM, at))
      assert.equal("\r\27[Klastcall: canary: 2 s left: in 1 s it served 7, failed 0" ..
        "\r\27[Klastcall: canary: 1 s left\\x1b[31m\r\27[Kthe canary is kept: in 3 s\r\n", output)
      assert.equal("nil shows", asked[4])
    end)
  end)

  it("fail when nobody listens, and when the supervisor goes before it has answered", function()
    local output, _, status = helper.run(PROGRAM .. "status --control /nowhere/x.sock")
    assert.is_truthy(output:find("^lastcall: status: .*No such file"), output)
    assert.equal(1, status)
    local at = helper.socket_path()
    helper.task(function(lastcall)
      local server = assert(lastcall.listen("unix:" .. at))
      lastcall.go(function() server:serve(function(conn) conn:read() end) end)
      output, _, status = helper.run_beside(lastcall, PROGRAM .. "reload --control " .. at)
      server:close()
    end)
    assert.equal("lastcall: reload: the supervisor has gone before it answered\n", output)
    assert.equal(1, status)
  end)

  it("find the only supervisor by themselves, and name all when there are several", function()
    local folder = helper.socket_path()
    os.execute("mkdir -m 700 " .. folder)
    local program = ("env XDG_RUNTIME_DIR=%s %s"):format(folder, PROGRAM)
    local service = { status = function() return {} end, grow = function() return true end }
    helper.task(function(lastcall)
      local function ask(word)
        local output, _, status = helper.run_beside(lastcall, program .. word)
        return output, status
      end
      local output, status = ask "status"
      assert.is_truthy(output:find("no supervisor runs here: nobody listens in " .. folder, 1, true), output)
      assert.equal(1, status)
      local one = assert(control.open(folder .. "/lastcall-one-1.sock"))
      one:attach(service)
      assert.same({ "", 0 }, { ask "grow" })
      local other = assert(control.open(folder .. "/lastcall-other-2.sock"))
      output, status = ask "grow"
      assert.is_truthy(output:find("--control " .. folder .. "/lastcall-one-1.sock\n", 1, true), output)
      assert.is_truthy(output:find("--control " .. folder .. "/lastcall-other-2.sock\n", 1, true), output)
      assert.equal(1, status)
      one:close()
      other:close()
    end)
    os.execute("rm -r " .. folder)
  end)

  it("say how they are used when they are used in another way", function()
    for _, wrong in ipairs {
      "reload now", "status --workers 3", "stop --control", "grow --control=", "shrink --json=yes", "status -x",
      "serve", "serve --workers 0 x.lua", "serve --workers many x.lua", "serve --drain -1 x.lua", "serve --listen",
      "serve --listen nonsense x.lua", "serve --json x.lua",
      "reload --canary", "reload --canary -1", "status --canary 3", "serve --canary soon x.lua", "serve --pin=1 x.lua",
      "--workers 3 x.lua",
    } do
      local output, _, status = helper.run(PROGRAM .. wrong)
      assert.equal(2, status, wrong)
      assert.is_truthy(output:find("^lastcall: [^\n]+\nusage: "), output)
    end
  end)

  it("are words: a script of this name is run by its path", function()
    local folder = helper.socket_path()
    os.execute("mkdir " .. folder)
    helper.write_file("print('a script', ...)", folder .. "/status")
    local output, fine = helper.run(PROGRAM .. folder .. "/status serve")
    assert.is_true(fine)
    assert.equal("a script\tserve", output:match "^[^\n]+")
    os.execute("rm -r " .. folder)
  end)
end)
