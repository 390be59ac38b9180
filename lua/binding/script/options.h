/* script/options.h - converts options from Lua to the core. */
#ifndef LC_BINDING_SCRIPT_OPTIONS_H
#define LC_BINDING_SCRIPT_OPTIONS_H

#include <lua.h>

#include "lastcall.h"

/* Fields of the table at `index`, already checked by the modules. */
lc_time option_time(lua_State *L, int index, const char *name, lc_time otherwise);
lua_Integer option_integer(lua_State *L, int index, const char *name, lua_Integer otherwise);
int option_boolean(lua_State *L, int index, const char *name, int otherwise);
int option_is(lua_State *L, int index, const char *name, const char *word);
void option_settings(lua_State *L, int index, lc_settings *settings);
void option_drain(lua_State *L, int index, lc_drain_options *drain);
void option_heartbeat(lua_State *L, int index, lc_heartbeat *heartbeat);
void option_keepalive(lua_State *L, int index, lc_keepalive *keepalive);
void option_listen(lua_State *L, int index, lc_listen_options *listen);

#endif
