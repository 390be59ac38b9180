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
    append("core/base/heap.c", '#include "server/inside.h"\n')
    append("core/conn/conn.h", '#include "process/timetable.h"\n')
    append("core/lastcall/conn.h", '#include "base/list.h"\n')
    append("lua/binding/script/raise.c", '#include "task/task.h"\n')
    append("lua/binding/task/owner.h", '#include "server/box.h"\n')
    append("lua/binding/conn/box.c", '#include "conn/conn.h"\n')
    expect {
      "core/base/heap uses server/inside.h of server/",
      "core/conn/conn uses process/timetable.h of process/",
      "core/lastcall/conn uses base/list.h of base/",
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

  it("finds a call of the system and a variable of the whole process in the core, but for core/sys/", function()
    local calls = '#include <stdio.h>\n#include <unistd.h>\n' ..
      'int lc_%s(void) { return puts("") + (int)write(1, "", 0); }\n'
    add("core/conn/count", "static int count;\nint lc_count(void) { return ++count; }\n")
    add("core/base/first", "int lc_first = 1;\nconst int lc_second = 2;\n")
    add("core/sys/third", "int lc_third;\n")
    add("core/loop/fourth", calls:format "fourth")
    add("core/sys/fifth", calls:format "fifth")
    add("core/server/sixth", "#include <errno.h>\nint lc_sixth(void) { return errno; }\n")
    expect {
      "core/conn/count keeps the variable count",
      "core/base/first keeps the variable lc_first",
      "core/loop/fourth calls puts of the system",
      "core/loop/fourth calls write of the system",
      "core/server/sixth calls __errno_location of the system",
    }
    local output = check()
    assert.is_nil(output:find("lc_second", 1, true) or output:find("core/sys", 1, true), output)
  end)

  it("finds a name of the core that might be another library's", function()
    add("core/sys/named", "const int named = 1;\nint close_all(void) { return 0; }\n" ..
      "static int own(void) { return 0; }\nint lc_named(void) { return own(); }\n")
    expect { "core/sys/named has the name close_all", "core/sys/named has the name named" }
    local output = check()
    assert.is_nil(output:find("has the name own", 1, true) or output:find("has the name lc_named", 1, true), output)
  end)

  it("passes over the object of a source that is gone", function()
    add("lua/binding/script/extra", "void task_kill(void *, void *);\nvoid extra(void) { task_kill(0, 0); }\n")
    os.remove(work .. "/lua/binding/script/extra.c")
    local output, fine = check()
    assert.is_true(fine, output)
  end)
end)

describe("scripts/seams", function()
  local work

  before_each(function()
    work = os.tmpname()
    os.remove(work)
    assert(os.execute(("mkdir -p %s && cp -r core scripts doc %s"):format(work, work)))
  end)

  after_each(function() os.execute("rm -rf " .. work) end)

  -- What it prints once these texts have been put behind what the files hold, and whether it is content.
  local function check(texts)
    for path, text in pairs(texts) do
      local file = assert(io.open(("%s/%s"):format(work, path), "a"))
      assert(file:write(text))
      file:close()
    end
    return helper.run(("sh -c 'cd %s && scripts/seams'"):format(work))
  end

  it("finds nothing in this tree, nor in what only looks like a pointer to a function", function()
    local output, fine = check {
      ["core/base/list.h"] = "/* struct lc_said { void (*f)(void); }; */\nvoid lc_take(void (*f)(void));\n",
      ["core/conn/input.c"] = 'struct plain { int *a; char b[3]; };\n' ..
        'const char *lc_text = "struct x { void (*f)(void); };";\n',
      ["core/loop/poll.c"] = "void lc_call(void *f) { void (*g)(void) = f; g(); }\n",
    }
    assert.is_true(fine, output)
    assert.equal("", output)
  end)

  it("finds each struct with such a pointer that the page does not have, wherever it is", function()
    local output, fine = check {
      ["core/conn/conn.h"] = "struct lc_first { int a; void (*f)(void); };\n",
      ["core/server/idle.c"] = "typedef struct {\n  struct { int (*const f[2])(int a); } in;\n} second;\n",
      ["core/lastcall.h"] = "typedef union lc_third { void *a; void (*f)(void (*g)(void)); } lc_third;\n",
      ["core/base/time.c"] = "static struct __attribute__((packed)) { void (*f)(void); } fourth;\n",
    }
    assert.is_false(fine, output)
    for _, finding in ipairs {
      "core/conn/conn.h: struct lc_first", "core/server/idle.c: struct second", "core/lastcall.h: struct lc_third",
      "core/base/time.c: struct fourth",
    } do
      assert.is_truthy(output:find(finding, 1, true), finding .. "\n" .. output)
    end
  end)

  it("finds a pointer outside of a struct, and a row of the page whose struct is gone or elsewhere", function()
    local output, fine = check {
      ["core/conn/conn.c"] = "static void (*hook)(int a);\n",
      ["core/conn/input.h"] = "typedef int (*lc_function)(void);\n",
      ["core/loop/turn.c"] = "static int (*const table[])(void) = {0};\n",
      ["doc/architecture.md"] = "\n| `lc_gone` | `core/conn/owner.h` | |\n| `lc_owner` | `core/conn/conn.h` | |\n",
    }
    assert.is_false(fine, output)
    for _, finding in ipairs {
      "core/conn/conn.c: a pointer", "core/conn/input.h: a pointer", "core/loop/turn.c: a pointer",
      "struct lc_gone in core/conn/owner.h", "struct lc_owner in core/conn/conn.h",
    } do
      assert.is_truthy(output:find(finding, 1, true), finding .. "\n" .. output)
    end
  end)
end)
