-- luacheck .luacheckrc: Lua 5.4, busted's words in the specs, nothing global of our own.
std = "lua54"
max_line_length = 120
max_cyclomatic_complexity = 15
unused_secondaries = false
self = false
cache = false
exclude_files = { "build/**" }

-- A handler is told more than it needs: say so with a leading underscore, or not at all at the end.
ignore = { "212/_.*" }

files["spec/**/*.lua"] = { std = "+busted", max_cyclomatic_complexity = false }
-- Declarations for editors: functions without bodies.
files["lua/lastcall/**/meta*.lua"] = { ignore = { "211", "212", "241", "631" } }
files["lua/**/*meta*.lua"] = { ignore = { "211", "212", "241", "631" } }
files["rockspec/*.rockspec"] = { std = "rockspec" }
files[".busted"] = { std = "lua54" }
