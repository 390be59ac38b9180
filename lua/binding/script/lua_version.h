/* script/lua_version.h - the Lua versions that the binding supports. It refuses others here, before
 * they crash. */
#ifndef LC_BINDING_SCRIPT_LUA_VERSION_H
#define LC_BINDING_SCRIPT_LUA_VERSION_H

#include <lua.h>

#if LUA_VERSION_NUM < 504
#error "lastcall needs Lua 5.4.3 or a later 5.4; these are the headers of an older Lua"
#elif LUA_VERSION_NUM > 504
/* In these versions a luaL_Buffer remembers the allocator, which a run removes at its end. */
#error "lastcall does not run on Lua 5.5 yet: it needs Lua 5.4.3 or a later 5.4"
#elif LUA_VERSION_RELEASE_NUM < 50403
/* In these versions lua_resetthread drops errors, and a hook keeps to-be-closed variables from
 * being closed. */
#error "lastcall needs Lua 5.4.3 or a later 5.4: older ones lose errors when a coroutine is closed"
#endif

#endif
