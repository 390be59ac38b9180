/* wait/poll.h - tasks that wait for a descriptor that lastcall does not own. */
#ifndef LC_BINDING_WAIT_POLL_H
#define LC_BINDING_WAIT_POLL_H

#include <lua.h>

typedef struct runtime runtime;

void polls_open(lua_State *L, runtime *rt);
void poll_open(lua_State *L, runtime *rt);
void polls_free(runtime *rt);

#endif
