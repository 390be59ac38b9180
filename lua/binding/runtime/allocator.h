/* runtime/allocator.h - keeps small blocks that Lua frees, and lets strings be received where they
 * will lie. */
#ifndef LC_BINDING_RUNTIME_ALLOCATOR_H
#define LC_BINDING_RUNTIME_ALLOCATOR_H

#include <lua.h>
#include <stddef.h>

typedef struct runtime runtime;

void allocator_begin(lua_State *L, runtime *rt);
void allocator_end(lua_State *L, runtime *rt);
size_t allocator_kept(const runtime *rt); /* how many bytes wait for Lua's next requests */
/* Room for the STRING_PLACE bytes of a future string; NULL where there is none. */
char *allocator_place(runtime *rt);
/* Makes a string of its first bytes without copying them. [0, +1] */
void allocator_push_place(lua_State *L, runtime *rt, size_t length);
#define STRING_PLACE ((size_t)64 * 1024)
#define STRING_PLACE_WORTH ((size_t)16 * 1024) /* below this, copying is cheaper */

#endif
