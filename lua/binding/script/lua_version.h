/* script/lua_version.h - which Lua the binding is for; any other is refused here, not by a crash. */
#ifndef LC_BINDING_SCRIPT_LUA_VERSION_H
#define LC_BINDING_SCRIPT_LUA_VERSION_H

#include <lua.h>

#if LUA_VERSION_NUM < 504
#error "lastcall needs Lua 5.4.3 or a later 5.4; these are the headers of an older Lua"
#elif LUA_VERSION_NUM > 504
/* Strings made by luaL_Buffer remember the allocator there, which a run takes away at its end. */
#error "lastcall does not run on Lua 5.5 yet: it needs Lua 5.4.3 or a later 5.4"
#elif LUA_VERSION_RELEASE_NUM < 50403
/* lua_resetthread drops errors there, and variables that are to be closed are not under a hook. */
#error "lastcall needs Lua 5.4.3 or a later 5.4: older ones lose errors when a coroutine is closed"
#endif

#endif
