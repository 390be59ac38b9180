/* runtime/runtime.h - one runtime for each Lua state: its loop, what runs on it, and what the other
 * files keep.
 *
 * Lua's registry holds one anchor table with everything that lastcall keeps alive: coroutines of
 * unfinished tasks, connections being served, servers that are not done. An anchor is an integer
 * key (luaL_ref).
 */
#ifndef LC_BINDING_RUNTIME_RUNTIME_H
#define LC_BINDING_RUNTIME_RUNTIME_H

#include <lua.h>

#include "lastcall.h"
#include "runtime/callbacks.h"
#include "runtime/collector.h"
#include "runtime/interrupt.h"
#include "runtime/signals.h"
#include "runtime/turn.h"
#include "runtime/watched.h"

typedef struct runtime runtime;
typedef struct task task;
typedef struct allocator allocator;
typedef struct tasks tasks;
typedef struct contexts contexts;
typedef struct conns conns;
typedef struct straggler_list straggler_list;
typedef struct works works;
typedef struct polls polls;
typedef struct selects selects;
typedef struct servers servers;

struct runtime {
  lua_State *L; /* the coroutine that turns the loop, or loaded the library; it resumes tasks */
  const struct lc_sys *sys;
  lc_loop *loop;
  lc_shutdown *shutdown; /* while run is under way or a shutdown was asked for */
  int anchors;           /* reference into Lua's registry: the anchor table */
  int last_anchor;       /* its length */
  int free_anchor;       /* a free place in it, 0: none */
  int running;           /* inside core.run */
  int is_left;           /* core.run returns after this turn */
  int debug;             /* note where connections are opened */
  int has_raised;        /* the limit of descriptors */
  const char *trouble;   /* the last error that could not be reported */

  /* What runs. */
  task *current;
  lua_State *volatile innermost; /* the coroutine that runs the script, as far as lastcall knows */

  /* What the files of this folder keep. */
  turn_share turn;
  callbacks calls;
  interrupt interrupt;
  limits limits;
  collector collector;
  allocator *allocator; /* the state's, during a run */
  signals signals;

  /* The parts of the folders above: each makes its own with runtime_part. No folder below looks
   * into them. */
  tasks *tasks;
  contexts *contexts;
  conns *conns;
  straggler_list *stragglers; /* the process's, in this run */
  works *works;
  polls *polls;
  selects *selects;
  servers *servers;
};

void runtime_check(lua_State *L, const runtime *rt); /* raises when its loop is gone */
/* Zeroed room for the data that a file keeps for each state. It lasts as long as the state. */
void *runtime_part(lua_State *L, size_t size);
runtime *runtime_get(lua_State *L);     /* of this Lua state; NULL before it is made */
void runtime_keep(lua_State *L);        /* makes the runtime at the top the state's [-1, 0] */
runtime *runtime_upvalue(lua_State *L); /* for functions registered with it as upvalue 1 */
int runtime_anchor(lua_State *L, runtime *rt); /* pops a value, returns its anchor [-1, 0] */
/* Raises for lack of memory; then the next `count` anchors need none. */
void runtime_reserve(lua_State *L, runtime *rt, int count);
void runtime_release(runtime *rt, int anchor);
void runtime_push_anchored(lua_State *L, runtime *rt, int anchor); /* [0, +1] */
/* Calls `function` with `argument` in protected mode: an error must not leave a callback of the
 * core. */
void runtime_protect(runtime *rt, lua_CFunction function, void *argument);
void runtime_protect_on(lua_State *L, runtime *rt, lua_CFunction function, void *argument);

#endif
