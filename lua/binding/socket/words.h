/* socket/words.h - failures and addresses in LuaSocket's words. */
#ifndef LC_BINDING_SOCKET_WORDS_H
#define LC_BINDING_SOCKET_WORDS_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;

/* The word for a code. */
const char *socket_word(int code);
/* Pushes nil and the word, and the reason when a shutdown or the end of a context is one; returns
 * how many. In a task it counts as a failure, so a loop that ignores it does not spin. */
int socket_failure(lua_State *L, runtime *rt, int code);
/* Pushes the address in words: host or path, port, family. */
int socket_push_name(lua_State *L, const lc_address *address);

#endif
