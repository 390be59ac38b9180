/* watch/watch.h - a script that holds the loop is told to let go, or is made to. */
#ifndef LC_BINDING_WATCH_WATCH_H
#define LC_BINDING_WATCH_WATCH_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;

void force_open(lua_State *L, runtime *rt);
void watchdog_open(lua_State *L, runtime *rt);
/* The log tells of turns that take so long; LC_NEVER: of none. */
void long_turns_watch(runtime *rt, lc_time bound);
void watchdog_bound(runtime *rt, lc_time max_block); /* a server's own */

#endif
