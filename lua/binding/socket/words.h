/* socket/words.h - failures and addresses in LuaSocket's words. */
#ifndef LC_BINDING_SOCKET_WORDS_H
#define LC_BINDING_SOCKET_WORDS_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;

/* The word for a code. */
const char *socket_word(int code);
/* nil and the word: returns 2. A failure in a task counts as one, so that who ignores it does not spin. */
int socket_failure(lua_State *L, runtime *rt, int code);
/* The address family and the address in words: host or path, port, family. */
int socket_push_name(lua_State *L, const lc_address *address);

#endif
