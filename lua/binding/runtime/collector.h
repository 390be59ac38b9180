/* runtime/collector.h - Lua's collector during a run. */
#ifndef LC_BINDING_RUNTIME_COLLECTOR_H
#define LC_BINDING_RUNTIME_COLLECTOR_H

#include <lua.h>
#include <stddef.h>

typedef struct runtime runtime;

typedef struct collector {
  int mode_before;     /* the mode before the run */
  int is_generational; /* lastcall has chosen this */
  int is_resting;      /* until the run is over */
  int is_collecting;   /* in the midst of a cycle that began when the loop had nothing else to do */
  unsigned wanted;     /* cycles to be made, whatever the heap has grown by */
  size_t collect_at;   /* the bytes in use that make the next cycle worth while */
} collector;

void collector_begin(lua_State *L, runtime *rt);
void collector_end(lua_State *L, runtime *rt);
/* Whether a step is useful now; collector_step makes one, if the loop would sleep. */
int collector_has_work(lua_State *L, runtime *rt);
void collector_step(runtime *rt);
void collector_find_no_time(runtime *rt); /* else */
/* Collects what is garbage now when the loop has nothing else to do. */
void collector_want(runtime *rt);
/* Called at each step of a shutdown, and before tasks run: stops the collector when the deadline is
 * near. */
void collector_rest(runtime *rt);
void collector_rest_end(lua_State *L, runtime *rt); /* the run is over */

#endif
