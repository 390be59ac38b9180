--- http.files: a handler that serves the files of a directory.

local check = require "lastcall.http.arguments"
local core = require "lastcall.core"
local escapes = require "lastcall.http.escapes"
local file = require "lastcall.http.file"
local misuse = require "lastcall.misuse"
local options = require "lastcall.options"

-- Failures that the client, or the shutdown, has caused: they are no errors of the server.
local ORDINARY = {
  canceled = true, closed = true, reset = true, timeout = true, ["broken pipe"] = true, ["peer lost"] = true,
}

local LACKING = { emfile = true, enfile = true, enomem = true }

local NOT_FOUND = "there is no such file\n"

--- The part of the path behind the prefix, decoded once; empty for the directory itself; or nil and a status. Names
-- that begin with a dot do not exist, nor do those with a backslash, a slash, a control byte, or bytes that are not
-- UTF-8.
local function relative(path, prefix)
  if path:find("%", 1, true) then
    if path:find "%%2[fF]" then return nil, 404 end
    path = escapes.decode(path)
    if not path then return nil, 400 end
    if path:find "%c" or not utf8.len(path) then return nil, 404 end
  end
  if path .. "/" == prefix then return "" end
  if path:sub(1, #prefix) ~= prefix or path:find("\\", 1, true) then return nil, 404 end
  local rest = path:sub(#prefix + 1)
  if rest:find "^[/.]" or rest:find "/[/.]" then return nil, 404 end
  return rest
end

--- What a file that cannot be opened is answered with.
local function refuse(code, message)
  if LACKING[code] then return 503, { ["Retry-After"] = "1" }, "too many files are open\n" end
  if code == "eio" then error(message, 0) end
  return 404, NOT_FOUND
end

--- Opens the file, or the index of a directory: its name, and what http_file_open returns. The path of a directory ends
-- with a slash, or links in its page would lead elsewhere: nil for one without, so that the client asks again.
local function open(self, root, name, path)
  local found, size, seconds, nanoseconds = core.http_file_open(name == "" and "." or name, root)
  if found or size ~= "eisdir" or not self.index then return name, found, size, seconds, nanoseconds end
  local is_inside = path:find "/$"
  local index = name:gsub("[^/]$", "%0/") .. self.index
  found, size, seconds, nanoseconds = core.http_file_open(index, root)
  if is_inside or not found then return index, found, size, seconds, nanoseconds end
  found:done()
  return nil
end

--- What the disk does wrong is told; what the client does is not.
local function tell(sent, code, message)
  if not sent and not ORDINARY[code] then error(message, 0) end
end

--- Answers any request. `is_usual`: it wants the whole file, and is likely to be followed by others.
local function answer(self, request, response, is_usual)
  if request.method ~= "GET" and request.method ~= "HEAD" then
    return 405, { Allow = "GET, HEAD" }, "a file can only be read\n"
  end
  local path, status = relative(request.path, self.prefix)
  if not path then return status, status == 400 and "the path has a % that is no escape\n" or NOT_FOUND end
  local root <close>, code, message = core.http_directory(self.root)
  if not root then return refuse(code, message) end
  local name, found <close>, size, seconds, nanoseconds = open(self, root, path, request.path)
  if not name then
    return response:redirect(request.path .. "/" .. (request.query and "?" .. request.query or ""), 301)
  end
  if not found then return refuse(size, seconds) end
  -- The reply without a body may have to wait until its head is accepted: it always goes this way.
  local lines = is_usual and size > 0 and file.lines(self, name, size, seconds, nanoseconds)
  if lines then core.http_files_note(self.known, request.path, name, size, seconds, nanoseconds, lines) end
  tell(file.send(response, self, name, found, size, seconds, nanoseconds))
end

--- Sends a file that is known already; any other request is for `answer`.
local function serve(self, request, response)
  check("http.files", request, response)
  local sent, rest <close>, done, size = core.http_files_send(response, self.known)
  if sent == true then return end
  if not rest then return answer(self, request, response, sent == nil) end
  tell(file.send_rest(response, request.path, rest, done, size - done))
end

--- Makes a function of a request and its response: the files of the directory `root`.
return function(root, given)
  if type(root) ~= "string" then misuse.raise("http.files: the directory is a path, not a %s", type(root)) end
  given = options.check("http.files", given, options.http_files)
  local prefix = given.prefix or "/"
  if not prefix:find "/$" then prefix = prefix .. "/" end
  local self = { root = root, prefix = prefix, index = given.index, types = given.types, max_age = given.max_age }
  self.known = core.http_files(root)
  return function(request, response) return serve(self, request, response) end
end
