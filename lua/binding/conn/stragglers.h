/* conn/stragglers.h - the connections and tasks that a shutdown canceled or killed, as its report
 * lists them. */
#ifndef LC_BINDING_CONN_STRAGGLERS_H
#define LC_BINDING_CONN_STRAGGLERS_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;
typedef struct conn_box conn_box;
typedef struct server_base server_base;
typedef struct straggler_list straggler_list;
typedef struct task task;

typedef enum straggler_fate {
  STRAGGLER_CANCELED,
  STRAGGLER_KILLED,
  STRAGGLER_UNDELIVERED,
  STRAGGLER_HELD,
  STRAGGLER_FATES
} straggler_fate;

typedef enum straggler_kind {
  STRAGGLER_CONNECTION,
  STRAGGLER_TASK,
  STRAGGLER_WORK,
  STRAGGLER_KINDS
} straggler_kind;

/* The stragglers of a server, or of the process. The core counts connections. */
struct straggler_list {
  int table;                                         /* anchor: key -> record, of the listed ones */
  int others;                                        /* anchor: key -> true, of the others */
  int tracebacks;                                    /* anchor: where a task was -> its traceback */
  unsigned listed[STRAGGLER_FATES][STRAGGLER_KINDS]; /* by their last fate */
  unsigned told[STRAGGLER_FATES];                    /* coroutines shown in tracebacks */
  lua_Integer unlisted;                              /* how many others */
  lua_Integer canceled; /* tasks that were canceled elsewhere than at rest */
  lua_Integer killed;   /* tasks that had to be ended by force */
  lua_Integer held;     /* guards */
};
#define NO_STRAGGLERS \
  ((straggler_list){.table = LUA_NOREF, .others = LUA_NOREF, .tracebacks = LUA_NOREF})

/* Counts a guard that is held when the drain's time is over. Returns whether it is listed too. */
int stragglers_claim_work(lua_State *L, runtime *rt, uint64_t number);
void stragglers_add_work(lua_State *L, runtime *rt, uint64_t number); /* its record [-1, 0] */
void stragglers_open(lua_State *L, runtime *rt, straggler_list *list);
void stragglers_open_process(lua_State *L, runtime *rt); /* which has none yet */
void stragglers_release(runtime *rt, straggler_list *list);
/* Into the table at the top: tasks_canceled, tasks_left, stragglers, stragglers_unlisted. [0, 0] */
void stragglers_set_facts(lua_State *L, runtime *rt, const straggler_list *list);
/* Notes a connection that was canceled or killed, with those of its tasks that the step cuts. */
void stragglers_note(lua_State *L, server_base *box, lc_conn *conn, straggler_fate fate);
/* Does the same for a task of the server, or for a connection's task that was not found with the
 * connection. */
void stragglers_note_rest(lua_State *L, server_base *box, task *t, straggler_fate fate);
/* Does the same for all tasks without a server. */
void stragglers_note_process(lua_State *L, runtime *rt, straggler_fate fate);
/* Notes the tasks that are about to end because the drain closes their connection. */
void stragglers_note_conn(lua_State *L, conn_box *box);
void stragglers_note_undelivered(lua_State *L, server_base *box, const lc_conn *conn); /* closed */

#endif
