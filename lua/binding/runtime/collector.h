/* runtime/collector.h - Lua's collector while a run is under way. */
#ifndef LC_BINDING_RUNTIME_COLLECTOR_H
#define LC_BINDING_RUNTIME_COLLECTOR_H

#include <lua.h>
#include <stddef.h>

typedef struct runtime runtime;

typedef struct collector {
  int mode_before;     /* the run */
  int is_generational; /* by our own choice */
  int is_resting;      /* until the run is over */
  int is_collecting;   /* in the midst of a cycle that was begun while nothing else was to do */
  size_t collect_at;   /* so many bytes in use make the next one worth while */
} collector;

void collector_begin(lua_State *L, runtime *rt);
void collector_end(lua_State *L, runtime *rt);
/* Whether a step of it would be of use now; collector_step makes one, if the loop would sleep. */
int collector_has_work(lua_State *L, runtime *rt);
void collector_step(runtime *rt);
void collector_find_no_time(runtime *rt); /* else */
/* At each step of a shutdown, and before tasks run: when the deadline is near, it has no more to do. */
void collector_rest(runtime *rt);
void collector_rest_end(lua_State *L, runtime *rt); /* the run is over */

#endif
