/* task/context.h - contexts, which say when their tasks must stop. */
#ifndef LC_BINDING_TASK_CONTEXT_H
#define LC_BINDING_TASK_CONTEXT_H

#include <lua.h>

#include "base/list.h"
#include "lastcall.h"
#include "task/owner.h"
#include "task/task.h"

typedef struct context context;

/* All contexts of a runtime. */
typedef struct contexts {
  context *process;    /* of process-owned tasks */
  context *background; /* never ends */
  int process_anchor;
  int background_anchor;
  lc_link ending; /* contexts that are ending, while context_end runs */
} contexts;

extern const char CONTEXT_TYPE[];

struct context {
  runtime *rt;
  context *parent;  /* kept alive by the first user value; NULL when it has ended or is a root */
  context *drained; /* the nearest one, itself or above, at which a drain may begin */
  lc_link in_parent;
  lc_link children;
  lc_link tasks;            /* whose context this is */
  int ended;                /* 0, LC_CANCELED or LC_TIMEOUT */
  const char *cause;        /* when it is not a Lua value (second user value) */
  lc_time deadline;         /* the earliest of its own and its parents'; LC_NEVER */
  lc_timer timer;           /* opened when the deadline is its own */
  unsigned drains : 1;      /* ends when draining begins */
  unsigned is_draining : 1; /* set where a drain begins: at a server's, or the process's */
  unsigned has_value : 1;   /* made by with_value */
  unsigned is_held_by_functions : 1;
  unsigned functions;        /* registered with on_done */
  lua_Integer last_function; /* numbers them */
  unsigned holds;            /* by tasks of the context, and by its functions */
  int anchor;                /* while it is held: LUA_NOREF otherwise */
  /* The connection whose own context this is, kept by its second user value; NULL: none, or
   * gone. */
  owner *own_of;
};

void context_hold(lua_State *L,
                  context *ctx); /* adds a hold; the context has one already, or a connection's */
void context_hold_object(lua_State *L, int index);
void context_unhold(context *ctx);
/* Ends the context, because the connection that owns it is being collected. */
void context_leave_conn(lua_State *L, int index);
/* Makes it the connection's own context: that of the connection's tasks, ended if the connection
 * has ended. */
void context_adopt(lua_State *L, context *ctx, owner *by);
int context_push(lua_State *L, context *ctx); /* [0, +1], or 0 and nothing */

/* The parent lies at the top of the stack, or is NULL. [0, +1] */
context *context_new(lua_State *L, runtime *rt, context *parent);
/* The same with room for `user_values` of them, 3 or 4 (task/context.c lists them). */
context *context_new_with(lua_State *L, runtime *rt, context *parent, int user_values);
void contexts_open(lua_State *L, runtime *rt);
context *context_check(lua_State *L, int index);
/* Ends it and everything below. `cause` is static; a Lua value in the second user value comes
 * before it. */
void context_end(lua_State *L, context *ctx, int code, const char *cause);
void context_drain(lua_State *L,
                   context *root); /* draining begins here: at a root, or a server's context */
int context_is_draining(const context *ctx);
int context_is_below(const context *ctx, const context *root); /* or is it */
/* Visits the tasks of this context and of those below it. `visit` may neither end contexts nor
 * collect garbage. */
void context_each_task(context *root, void (*visit)(task *t, void *user), void *user);

/* Its functions no longer need the context. */
void context_unhold_functions(context *ctx);

#endif
