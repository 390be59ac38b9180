/* watch/watch.h - asks or forces a script that holds the loop to give it back. */
#ifndef LC_BINDING_WATCH_WATCH_H
#define LC_BINDING_WATCH_WATCH_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;

void force_open(lua_State *L, runtime *rt);
void watchdog_open(lua_State *L, runtime *rt);
/* Turns that take this long are logged; LC_NEVER: none is. */
void long_turns_watch(runtime *rt, lc_time bound);
void watchdog_bound(runtime *rt, lc_time max_block); /* a server's own */

#endif
