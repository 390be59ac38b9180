local helper = require "spec.helper"
local lastcall = require "lastcall"
local process = require "spec.support.process"

--- A folder of its own, which `body` is given, and a function that lists what is in it; gone afterwards.
local function in_folder(body)
  local folder = helper.socket_path()
  assert(os.execute("mkdir " .. folder))
  local function list()
    local names = {}
    for name in io.popen("ls -A " .. folder):lines() do names[#names + 1] = name end
    return names
  end
  local fine, problem = pcall(body, folder, list)
  os.execute("rm -r " .. folder)
  assert(fine, problem)
end

--- Leaves a socket file there on which no process listens.
local function leave_stale(path)
  helper.task(function()
    local old = assert(lastcall.listen("unix:" .. path))
    assert(os.rename(path, path .. "-"))
    old:close()
    old:wait()
    assert(os.rename(path .. "-", path))
  end)
end

--- What a server there answers.
local function who(path)
  local conn = assert(lastcall.connect("unix:" .. path))
  helper.send(conn, "?\n")
  return helper.ends(conn)
end

local function serve(path, name)
  local server = assert(lastcall.listen("unix:" .. path))
  lastcall.spawn(function() server:serve(function(conn) conn:read() conn:write(name, "\n") end) end)
  lastcall.sleep(0)
  return server
end

local function keep_locked(folder)
  local holder = process.start(("sh -c 'exec 9<%s; flock 9; echo locked; exec sleep 20'"):format(folder))
  assert(holder.pipe:read() == "locked")
  return holder
end

describe("a unix path", function()
  it("goes to one of those who start at the same time over a stale one", function()
    in_folder(function(folder)
      local path, go = folder .. "/s", folder .. "/go"
      for _ = 1, 3 do
        leave_stale(path)
        os.remove(go)
        local all = {}
        for i = 1, 6 do
          all[i] = process.script(([[
            local lastcall = require "lastcall"
            repeat local file = io.open "%s" until file
            lastcall.run(function()
              local server = lastcall.listen "unix:%s"
              print(server and "listening" or "late")
              io.stdout:flush()
              if server then server:wait() end
            end, { drain = 2 })
          ]]):format(go, path))
        end
        helper.write_file("", go)
        local listening = {}
        for _, one in ipairs(all) do
          if one.pipe:read() == "listening" then listening[#listening + 1] = one else one:finish() end
        end
        for _, one in ipairs(listening) do one:drain() end
        assert.equal(1, #listening)
      end
    end)
  end)

  it("that was taken over is not removed by who had it", function()
    in_folder(function(folder)
      local path = folder .. "/s"
      helper.task(function()
        local old = serve(path, "old")
        assert(os.remove(path))
        local new = serve(path, "new")
        old:shutdown(1)
        old:wait()
        assert.equal("new", who(path))
        new:close()
      end)
    end)
  end)

  it("may be taken over while who has it stops", function()
    in_folder(function(folder, list)
      local path = folder .. "/s"
      helper.task(function()
        local old = serve(path, "old")
        local busy = assert(lastcall.connect("unix:" .. path)) -- keeps it, but not its listener
        old:shutdown(5)
        repeat lastcall.sleep(0) until not lastcall.connect("unix:" .. path)
        local new = serve(path, "new")
        busy:abort()
        old:wait()
        assert.equal("new", who(path))
        new:close()
        new:wait()
        assert.same({}, list())
      end)
    end)
  end)

  it("is the only file, while it is listened on and afterwards", function()
    in_folder(function(folder, list)
      helper.task(function()
        local server = serve(folder .. "/s", "x")
        assert.same({ "s" }, list())
        server:close()
        server:wait()
        assert.same({}, list())
      end)
      helper.write_file("a file", folder .. "/s")
      helper.failure("address in use", lastcall.listen("unix:" .. folder .. "/s"))
      assert.same({ "s" }, list())
    end)
  end)

  it("is told as it was asked for: addresses, localname, and after unlisten too", function()
    in_folder(function(folder)
      helper.task(function()
        local address = ("unix:%s/app.sock"):format(folder)
        local here, there, server = helper.pair(lastcall, { at = address })
        assert.same({ address }, server:addresses())
        assert.equal(address, "unix:" .. here:localname())
        assert.equal(1, server:unlisten(address))
        assert.equal(address, "unix:" .. here:localname())
        there:abort()
        here:abort()
        server:close()
        server:wait()
        assert.equal(address, server:report().stop[1].address)
      end)
    end)
  end)

  for what, name in pairs { ["one letter"] = "/x", ["a long name"] = "/" .. ("n"):rep(60) } do
    it("of 107 bytes works, with " .. what .. " in its folder", function()
      in_folder(function(folder, list)
        local deep = folder .. "/" .. ("d"):rep(107 - #folder - #name - 1)
        assert(os.execute("mkdir " .. deep))
        local path = deep .. name
        assert.equal(107, #path)
        for _ = 1, 2 do
          helper.task(function()
            local here, there, server = helper.pair(lastcall, { at = "unix:" .. path })
            assert.equal(path, here:localname())
            there:abort()
            here:abort()
            server:close()
            server:wait()
          end)
          leave_stale(path)
        end
        assert.equal(1, #list())
      end)
    end)
  end

  it("that is relative is one of the working folder", function()
    in_folder(function(folder)
      local script = helper.write_file [[
        local lastcall = require "lastcall"
        local server = assert(lastcall.listen "unix:here.sock")
        lastcall.run(function()
          print(server:addresses()[1], lastcall.connect "unix:here.sock":abort())
          server:shutdown(1)
          server:wait()
        end)
        print(io.open "here.sock")
      ]]
      local at = io.popen("pwd"):read()
      local output = helper.run(([[sh -c '
        LUA_PATH=$(echo "$LUA_PATH" | sed "s#lua/#%s/lua/#g")
        LUA_CPATH=$(echo "$LUA_CPATH" | sed "s#^\([^/]\)#%s/\1#")
        cd %s; exec lua5.4 %s']]):format(at, at, folder, script))
      os.remove(script)
      assert.is_truthy(output:find "^unix:here.sock.-\nnil\t", output)
    end)
  end)

  it("in a folder that somebody keeps locked is given up soon", function()
    in_folder(function(folder)
      local holder = keep_locked(folder)
      local began = lastcall.now()
      helper.failure("ebusy", lastcall.listen("unix:" .. folder .. "/s"))
      assert.is_true(lastcall.now() - began < helper.seconds(1))
      holder:signal "TERM"
      holder:finish()
    end)
  end)

  it("in a folder that somebody keeps locked stays there, and is taken over later", function()
    in_folder(function(folder, list)
      helper.task(function()
        local server = serve(folder .. "/s", "x")
        local holder = keep_locked(folder)
        server:close()
        server:wait()
        assert.same({ "s" }, list())
        holder:signal "TERM"
        holder:finish()
        local heir = serve(folder .. "/s", "heir")
        assert.equal("heir", who(folder .. "/s"))
        heir:close()
      end)
    end)
  end)
end)
