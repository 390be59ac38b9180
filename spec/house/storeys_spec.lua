local helper = require "spec.helper"

local build = os.getenv "LASTCALL_BUILD" or "build"

describe("scripts/storeys", function()
  local work

  before_each(function()
    work = os.tmpname()
    os.remove(work)
    assert(os.execute(("mkdir -p %s/lua %s/obj/lua"):format(work, work)))
    assert(os.execute(("cp -r core scripts %s && cp -r lua/binding %s/lua"):format(work, work)))
    local objects = build .. "/obj"
    assert(os.execute(("cp -r %s/core %s/obj && cp -r %s/lua/binding %s/obj/lua"):format(objects, work, objects, work)))
  end)

  after_each(function() os.execute("rm -rf " .. work) end)

  -- What it prints, and whether it is content.
  local function check() return helper.run(("sh -c 'cd %s && scripts/storeys obj'"):format(work)) end

  local function append(path, text)
    local file = assert(io.open(("%s/%s"):format(work, path), "a"))
    assert(file:write(text))
    file:close()
  end

  -- A new source, and its object.
  local function add(path, text)
    append(path .. ".c", text)
    local output, fine = helper.run(("cc -c -o %s/obj/%s.o %s/%s.c"):format(work, path, work, path))
    assert.is_true(fine, output)
  end

  local function expect(findings)
    local output, fine = check()
    assert.is_false(fine, output)
    for _, finding in ipairs(findings) do assert.is_truthy(output:find(finding, 1, true), finding .. "\n" .. output) end
  end

  it("finds nothing in this tree", function()
    local output, fine = check()
    assert.is_true(fine, output)
    assert.equal("", output)
  end)

  it("finds an include upwards, in a source or a header, and of another house", function()
    append("core/base/timer.c", '#include "server/inside.h"\n')
    append("core/conn/conn.h", '#include "process/timetable.h"\n')
    append("lua/binding/script/raise.c", '#include "task/task.h"\n')
    append("lua/binding/task/owner.h", '#include "server/box.h"\n')
    append("lua/binding/conn/box.c", '#include "conn/conn.h"\n')
    expect {
      "core/base/timer uses server/inside.h of server/",
      "core/conn/conn uses process/timetable.h of process/",
      "lua/binding/script/raise uses task/task.h of task/",
      "lua/binding/task/owner uses server/box.h of server/",
      "lua/binding/conn/box uses conn/conn.h of another house",
    }
  end)

  it("finds a call upwards that no include shows, a circle, a folder and a header that must not be", function()
    add("core/base/extra", "void lc_server_free(void *);\nvoid lc_extra(void) { lc_server_free(0); }\n")
    add("lua/binding/runtime/extra", "void task_kill(void *, void *);\nvoid extra(void) { task_kill(0, 0); }\n")
    add("core/kernel/a", "void lc_b(void);\nvoid lc_a(void) { lc_b(); }\n")
    add("core/kernel/b", "void lc_c(void);\nvoid lc_b(void) { lc_c(); }\n")
    add("core/kernel/c", "void lc_a(void);\nvoid lc_c(void) { lc_a(); }\n")
    add("lua/binding/wait/a", "void b(void);\nvoid a(void) { b(); }\n")
    add("lua/binding/wait/b", "void a(void);\nvoid b(void) { a(); }\n")
    assert(os.execute(("mkdir %s/lua/binding/odd %s/obj/lua/binding/odd"):format(work, work)))
    add("lua/binding/odd/extra", "void task_kill(void *, void *);\nvoid odd(void) { task_kill(0, 0); }\n")
    append("lua/binding/conn/conn.h", "\n")
    expect {
      "core/base/extra uses lc_server_free of server/",
      "lua/binding/runtime/extra uses task_kill of task/",
      "a circle of files in core/: kernel/a kernel/b kernel/c",
      "a circle of files in lua/binding/: wait/a wait/b",
      "lua/binding/odd/extra: no such storey as odd/",
      "two headers are named conn/conn.h",
    }
  end)

  it("passes over the object of a source that is gone", function()
    add("lua/binding/script/extra", "void task_kill(void *, void *);\nvoid extra(void) { task_kill(0, 0); }\n")
    os.remove(work .. "/lua/binding/script/extra.c")
    local output, fine = check()
    assert.is_true(fine, output)
  end)
end)
