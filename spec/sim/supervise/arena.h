/* arena.h - memory for the processes of one plan, given back at once when the plan is over.
 *
 * A process that is killed frees nothing, and its Lua state is in the midst of a call: so nothing
 * of it can be freed one by one. And the arena is at the same addresses each time, so tables of Lua
 * that go by addresses have the same order.
 *
 * The linker hands every malloc, calloc, realloc and free of the program and of the library inside
 * it to arena.c (-Wl,--wrap); libc's own are left alone.
 */
#ifndef SUPERVISE_ARENA_H
#define SUPERVISE_ARENA_H

#include <stddef.h>

enum { ARENA_STACK = 256 * 1024 };

void arena_begin(void); /* from now on memory comes from it */
void arena_end(void);   /* and is gone, unless arena_go_on follows */
void arena_go_on(void);
void *arena_stack(void);

#endif
