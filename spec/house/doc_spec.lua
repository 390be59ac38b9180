local helper = require "spec.helper"
local options = require "lastcall.options"

local read_file = helper.read_file

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- The option names in the tables under a heading of doc/options.md.
local function documented(text, heading)
  local section = assert(text:match("\n## " .. heading .. "\n(.-)\n## ") or text:match("\n## " .. heading .. "\n(.*)$"))
  local names = {}
  for cell in section:gmatch("\n| ([^|]*) |") do
    for name in cell:gmatch("`([%l%d_]+)`") do names[name] = true end
  end
  return names
end

local function names_of(known)
  local names = {}
  for name in pairs(known) do names[name] = true end
  return names
end

local function without(known, ...)
  local names = names_of(known)
  for _, others in ipairs { ... } do
    for name in pairs(others) do names[name] = nil end
  end
  return names
end

describe("doc/options.md", function()
  local text = read_file("doc/options.md")

  for heading, known in pairs {
    Connections = function() return names_of(options.connection) end,
    Listeners = function() return names_of(options.listener) end,
    Servers = function() return without(options.server, options.connection, options.listener) end,
    Drain = function() return names_of(options.drain) end,
    Keepalive = function() return names_of(options.keepalive) end,
    Reuseport = function() return names_of(options.reuseport) end,
    Runs = function() return names_of(options.run) end,
    Supervise = function() return names_of(options.supervise) end,
  } do
    it("has every option of its table " .. heading .. ", and no other", function()
      assert.same(known(), documented(text, heading))
    end)
  end
end)

describe("doc/http.md", function()
  it("has every option of a handler of requests, and no other", function()
    assert.same(names_of(options.http), documented(read_file "doc/http.md", "Options"))
  end)

  it("has every option of files and of the status page, and no other", function()
    assert.same(names_of(options.http_files), documented(read_file "doc/http.md", "Files"))
    assert.same(names_of(options.http_status), documented(read_file "doc/http.md", "A status page"))
  end)

  it("has every option of a WebSocket on its own page, and no other", function()
    local text = read_file "doc/websocket.md"
    assert.same(names_of(options.websocket), documented(text, "Options"))
    assert.same(without(options.websocket_client, options.websocket), documented(text, "A client"))
  end)
end)

describe("doc/processes.md", function()
  it("has every option of a child process, and no other", function()
    require "lastcall.subprocess"
    assert.same(names_of(options.process), documented(read_file "doc/processes.md", "Subprocesses"))
  end)
end)

describe("doc/http-client.md", function()
  local text = read_file "doc/http-client.md"

  it("has every option of a request and of a client, and no other", function()
    assert.same(names_of(options.http_request), documented(text, "Options of a request"))
    assert.same(names_of(options.http_client), documented(text, "Options of a client"))
  end)
end)

describe("doc/contract.md", function()
  local text = read_file("doc/contract.md")

  it("explains every field of a report", function()
    local class = read_file("lua/lastcall/meta_report.lua"):match("%-%-%-@class lastcall%.Report\n(.-)\n\n")
    for field in class:gmatch("@field ([%l_]+)") do
      assert.is_truthy(text:find("`" .. field .. "`", 1, true), field)
    end
  end)

  it("explains every state, every step and every code", function()
    local meta = read_file("lua/lastcall/meta.lua")
    local words = {}
    for word in meta:match("@alias lastcall%.State ([^\n]*)"):gmatch('"([%l ]+)"') do words[#words + 1] = word end
    for word in meta:match("@alias lastcall%.Step ([^\n]*)"):gmatch('"([%l ]+)"') do words[#words + 1] = word end
    local codes = meta:match("@alias lastcall%.Code\n(.-)\n\n")
    for word in codes:gmatch('%-%-%-| "([%l ]+)"') do words[#words + 1] = word end
    assert.is_true(#words > 25)
    for _, word in ipairs(words) do
      assert.is_truthy(word == "serving" or text:find("`" .. word .. "`", 1, true), word)
    end
  end)
end)

describe("a transcript in README.md", function()
  for whose, words in pairs { ["the example"] = "held in sleep", ["the demo's service"] = "in handler" } do
    it("names the line that it says, of " .. whose, function()
      local path, number = read_file("README.md"):match(words .. " at ([^:]+):(%d+)")
      local wanted, count = math.tointeger(number), 0
      for line in io.lines(path) do
        count = count + 1
        if count == wanted then assert.is_truthy(line:find("lastcall.sleep", 1, true), line) end
      end
      assert.is_true(count > wanted)
    end)
  end
end)

--- The pages that are ours, by their paths.
local function pages()
  local list = {}
  for path in helper.run("ls *.md doc/*.md"):gmatch "[^\n]+" do list[#list + 1] = path end
  assert(#list > 15)
  return list
end

--- The names by which links reach the headings of a page, as GitHub makes them.
local function anchors_of(path)
  local anchors = {}
  for heading in ("\n" .. read_file(path):gsub("```.-```", "")):gmatch "\n#+ ([^\n]+)" do
    anchors[heading:gsub("%[([^%]]*)%]%b()", "%1"):lower():gsub("[^%w_ -]", ""):gsub(" ", "-")] = true
  end
  return anchors
end

--- The links of a page that lead nowhere.
local function broken_links(path, text)
  local broken, count = {}, 0
  for link in text:gsub("```.-```", ""):gmatch "%]%(([^)%s]+)%)" do
    local file, anchor = link:match "^([^#]*)#?(.*)$"
    local target = file == "" and path or (path:match "^.*/" or "") .. file
    local is_ours = not link:find "^https?:"
    count = count + 1
    if is_ours and (not exists(target) or anchor ~= "" and not anchors_of(target)[anchor]) then
      broken[#broken + 1] = link
    end
  end
  return broken, count
end

describe("a link of a page", function()
  it("leads to a file, and to a heading in it", function()
    local all = 0
    for _, path in ipairs(pages()) do
      local broken, count = broken_links(path, read_file(path))
      assert.same({}, broken, path)
      all = all + count
    end
    assert.is_true(all > 60, all)
  end)

  it("would be told from one that does not", function()
    local text = "[a](gone.md) [b](options.md#gone) [c](#gone) [d](options.md#runs) [e](https://a.org/) [f](#turns)"
    assert.same({ "gone.md", "options.md#gone", "#gone" }, (broken_links("doc/performance.md", text)))
  end)
end)

describe("what a page names", function()
  local OURS = { core = true, doc = true, examples = true, lua = true, scripts = true, spec = true }
  local makefile = read_file("Makefile")

  for _, page in ipairs(pages()) do
    it("exists, said in " .. page, function()
      local text = read_file(page)
      for target in text:gmatch("`make ([%l]+)") do
        assert.is_truthy(makefile:find("\n" .. target .. ":", 1, true), "make " .. target)
      end
      for names in text:gmatch("scripts/test ([^`|\n]+)") do
        for name in names:gmatch "[%l_/]+" do
          local found = helper.run(("find spec/core/%s.c spec/%s.lua %s 2>/dev/null"):format(name, "*/" .. name, name))
          assert.not_equal("", found, name)
        end
      end
      for folder, rest in text:gmatch("[`( ](%l+)/([%w_/.]+%.%l+)") do
        if OURS[folder] then assert.is_true(exists(folder .. "/" .. rest), folder .. "/" .. rest) end
      end
    end)
  end
end)

describe("doc/architecture.md", function()
  local text = read_file("doc/architecture.md")

  -- Whether a function of this name has its body in the file; not only a declaration, or a call.
  local function is_defined(path, name)
    local source = "\n" .. read_file(path)
    if path:find "%.lua$" then return source:find("function " .. name .. "(", 1, true) ~= nil end
    return source:find("\n%a[%w_ *]*%f[%w_]" .. name .. "%b()%s*{") ~= nil
  end

  local function undefined_stations(page)
    local missing, count = {}, 0
    for path, name in page:gmatch "`([%w_/]+%.%l+): ([%w_.]+)`" do
      count = count + 1
      if not exists(path) or not is_defined(path, name) then missing[#missing + 1] = path .. ": " .. name end
    end
    return missing, count
  end

  local function folders_of(house)
    local folders = {}
    for path in helper.run("ls -d " .. house .. "/*/"):gmatch "([^\n]+)/\n" do folders[#folders + 1] = path end
    return folders
  end

  it("has stations that are where it says", function()
    local missing, count = undefined_stations(text)
    assert.same({}, missing)
    assert.is_true(count > 100, count)
  end)

  it("would be told from one whose stations have moved, gone, or are only declared", function()
    local moved = "`core/conn/output.c: lc_conn_read_until` `core/gone.c: lc_gone` `core/conn/input.c: lc_gone` " ..
      "`core/conn/closing.h: lc_closing_step` `core/conn/conn.c: lc_closing_step` `lua/lastcall/run.lua: on_gone` " ..
      "`core/conn/input.c: lc_conn_read_until` `lua/lastcall/run.lua: on_hooks`"
    local missing = undefined_stations(moved)
    assert.equal(6, #missing, table.concat(missing, ", "))
  end)

  it("names nothing in the core that is not there", function()
    local core = helper.run "cat core/lastcall.h core/*/*.h core/*/*.c"
    for name in text:gmatch "`(lc_[%w_]+)`" do assert.is_truthy(core:find("%f[%w_]" .. name .. "%f[^%w_]"), name) end
    for path in text:gmatch "`([%w_]+/[%w_/]+%.%l+)`" do
      local at_home = exists(path) or exists("core/" .. path)
      assert.is_true(at_home, path)
    end
  end)

  it("has the table of scripts/storeys", function()
    local said, fine = helper.run "scripts/storeys --table"
    assert.is_true(fine, said)
    local wanted, found = {}, {}
    for folder, may in said:gmatch "([%l/]+): ([%l ]*)\n" do wanted[folder] = may == "" and "nothing" or may end
    for folder, may in text:gmatch "\n| `([%l/]+)` | [^|]* | ([%l ]+) |" do found[folder] = may end
    assert.same(wanted, found)
    assert.is_truthy(found["core/base"])
  end)

  it("has every folder of specs", function()
    for _, folder in ipairs(folders_of "spec") do
      assert.is_truthy(text:find("`" .. folder .. "/`", 1, true), folder)
    end
  end)

  it("has every folder of the core and of the binding, in the table and in the drawing", function()
    local drawing = text:match "\n```\n(.-)\n```\n"
    for _, house in ipairs { "core", "lua/binding" } do
      for _, folder in ipairs(folders_of(house)) do
        assert.is_truthy(text:find("\n| `" .. folder .. "` |", 1, true), folder)
        assert.is_truthy(drawing:find(folder:match "[^/]+$" .. "/", 1, true), folder)
      end
    end
  end)
end)
