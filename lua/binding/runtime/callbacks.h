/* runtime/callbacks.h - calls into the script between turns, in the order of their causes. */
#ifndef LC_BINDING_RUNTIME_CALLBACKS_H
#define LC_BINDING_RUNTIME_CALLBACKS_H

#include <lua.h>
#include <stdint.h>

typedef struct runtime runtime;

typedef struct callbacks {
  int queue;           /* reference: number -> the function and its arguments */
  int hooks;           /* reference: functions set by the modules, which runtime_hook calls */
  uint64_t next, last; /* numbers */
  uint64_t due;        /* calls up to this number run now */
  /* Calls too frequent for a table each lie apart: the number of the first of them, 0 for none, and
   * the function that makes it and those right behind it. These are the moves of connections; their
   * queue is above this file. */
  uint64_t apart_next;
  lua_CFunction call_apart;
} callbacks;

/* Queues a call: pops a function and `count` arguments; run between turns, errors go to
 * on_error. */
void runtime_callback(lua_State *L, runtime *rt, int count); /* [-(count+1), 0] */
/* Queues a call to one of the modules' functions ("log", "on_error", "on_step") if it is set;
 * pops `count` arguments. */
void runtime_hook(lua_State *L, runtime *rt, const char *name, int count); /* [-count, 0] */

#endif
