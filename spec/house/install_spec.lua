-- scripts/test: busy
local helper = require "spec.helper"
local process = require "spec.support.process"

-- The command without the paths of the specs, and where a network is out of reach.
local function plain(command)
  return ("env -u LUA_PATH -u LUA_CPATH http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 " ..
    "sh -c '%s'"):format(command)
end

local read_file = helper.read_file

-- The first program of the README, at an address of its own.
local function quick_start(address)
  local text = assert(read_file("README.md"):match("\n```lua\n(.-)```\n"), "README.md has no Lua program")
  local count
  text, count = text:gsub("127%.0%.0%.1:7000", address)
  assert(count == 1, "the quick start listens on 127.0.0.1:7000")
  return text
end

local rockspec = {}
assert(loadfile("rockspec/lastcall-scm-1.rockspec", "t", rockspec))()

describe("the rock", function()
  it("needs Lua 5.4 and nothing else", function()
    assert.same({ "lua >= 5.4, < 5.5" }, rockspec.dependencies)
  end)

  it("installs into a tree without a network, and runs the README's quick start from there alone", function()
    local _, has_luarocks = helper.run("luarocks --version")
    if not has_luarocks then
      pending "no luarocks here (apt-get install luarocks)"
      return
    end
    local work = os.tmpname()
    os.remove(work)
    local sources = "Makefile core lua bin doc rockspec README.md LICENSE"
    assert(os.execute(("mkdir %s %s/copy %s/empty && cp -r %s %s/copy"):format(work, work, work, sources, work)))
    finally(function() os.execute("rm -rf " .. work) end)

    local quickly = helper.long and "" or "CFLAGS=-fPIC"
    local output, fine = helper.run(plain(("cd %s/copy && exec luarocks --lua-version 5.4 make --tree %s/tree " ..
      "rockspec/lastcall-scm-1.rockspec %s"):format(work, work, quickly)), 120)
    assert.is_true(fine, output)

    local shown = helper.run(("nm -D --defined-only %s/tree/lib/lua/5.4/lastcall/core.so"):format(work))
    assert.equal("luaopen_lastcall_core", shown:match "^%x+ T (%S+)%s*$", shown) -- and no other name of ours

    local address = process.address_to_be()
    local file = assert(io.open(work .. "/empty/server.lua", "w"))
    file:write(quick_start(address))
    file:close()
    local tree = work .. "/tree"
    local server = process.start(([[sh -c 'cd %s/empty && exec env LUA_CPATH="%s/lib/lua/5.4/?.so" \
      LUA_PATH="%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua" lua5.4 server.lua']]):format(
      work, tree, tree, tree))
    helper.task(function(lastcall)
      local conn
      for _ = 1, 200 do -- it does not say when it listens
        conn = lastcall.connect(address)
        if conn then break end
        lastcall.sleep(helper.seconds(0.02))
      end
      assert(conn, "the quick start does not listen")
      conn:write("hello\n")
      assert.equal("you said: hello", conn:read())
      conn:close()
    end)
    output = server:drain()
    assert.is_truthy(helper.without_trace(output):find("^shutdown ok in "), output)
  end)

  it("has a module that is optimized across its files, where the compiler can do it", function()
    local shown, fine = helper.run("make -n -B V=1 CC=cc CFLAGS=-O2 BUILD=build/none build/none/lua/lastcall/core.so")
    assert.is_true(fine, shown)
    local link = assert(shown:match "\n([^\n]* %-shared [^\n]*lua/lastcall/core%.so[^\n]*)", shown)
    local _, can = helper.run("echo 'int main(void) { return 0; }' | cc -Werror -flto=auto -x c -o /dev/null -")
    if not can then
      pending "this compiler cannot optimize across files"
      return
    end
    assert.is_truthy(link:find(" -flto", 1, true), link)
    assert.is_nil(link:find("-fno-lto", 1, true), link) -- which would win, wherever it stands
  end)

  it("carries the pages for users, and not those for us who work on it", function()
    local work = os.tmpname()
    os.remove(work)
    local output, fine = helper.run(("make -s rock-doc PREFIX=%s"):format(work))
    finally(function() os.execute("rm -rf " .. work) end)
    assert.is_true(fine, output)
    local pages = helper.run("ls " .. work .. "/doc")
    assert.is_truthy(pages:find("contract.md", 1, true) and pages:find("proof.md", 1, true), pages)
    assert.is_nil(pages:find("NOTES.md", 1, true), pages)
    assert.is_nil(pages:find("architecture.md", 1, true), pages)
    assert.same({}, rockspec.build.copy_directories) -- or luarocks copies doc/ as it is
  end)

  it("is packed by make rock, with what is needed to build it", function()
    local _, has_luarocks = helper.run("luarocks --version")
    local _, has_git = helper.run("git rev-parse --git-dir")
    if not (has_luarocks and has_git) then
      pending "no luarocks here, or no git"
      return
    end
    local work = os.tmpname()
    os.remove(work)
    finally(function() os.execute("rm -rf " .. work) end)
    local output, fine = helper.run(("make -s rock BUILD=%s"):format(work), 60)
    assert.is_true(fine, output)
    local listing = helper.run(("unzip -l %s/lastcall-scm-1.src.rock"):format(work))
    assert.is_truthy(listing:find("lastcall/Makefile", 1, true) or listing:find("/Makefile", 1, true), listing)
  end)

  for version, reason in pairs {
    [50400] = "older ones lose errors", [50402] = "older ones lose errors", [50500] = "does not run on Lua 5.5 yet",
    [50300] = "headers of an older Lua", [50403] = false, [50407] = false,
  } do
    it(("is %s by the compiler with the headers of Lua %d"):format(reason and "refused" or "taken", version), function()
      local work = os.tmpname()
      os.remove(work)
      finally(function() os.execute("rm -rf " .. work) end)
      assert(os.execute("mkdir " .. work))
      local header = assert(io.open(work .. "/lua.h", "w"))
      header:write(("#define LUA_VERSION_NUM %d\n#define LUA_VERSION_RELEASE_NUM %d\n"):format(version // 100, version))
      header:close()
      local output, fine = helper.run(("cc -fsyntax-only -I%s -x c lua/binding/script/lua_version.h"):format(work))
      assert.equal(not reason, fine, output)
      if reason then assert.is_truthy(output:find(reason, 1, true), output) end
    end)
  end

  it("brings the annotations for editors along", function()
    assert.equal("lua/lastcall/meta.lua", rockspec.build.install.lua["lastcall.meta"])
  end)
end)
