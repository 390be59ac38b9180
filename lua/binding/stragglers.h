/* stragglers.h - who was canceled or killed by a shutdown, as its report lists them. */
#ifndef LC_BINDING_STRAGGLERS_H
#define LC_BINDING_STRAGGLERS_H

#include <lua.h>

#include "lastcall.h"

typedef struct runtime runtime;
typedef struct conn_box conn_box;
typedef struct server_box server_box;

/* A server's, or the process's. Connections are counted by the core. */
typedef struct straggler_list {
  int table;            /* anchor */
  lua_Integer canceled; /* tasks that were canceled elsewhere than at rest */
  lua_Integer killed;   /* tasks that had to be ended by force */
  lua_Integer held;     /* guards */
} straggler_list;

/* A guard that is held when the drain's time is over: its record, with `work`, its number, lies at the top. [-1, 0] */
void stragglers_add_work(lua_State *L, runtime *rt);
void stragglers_open(lua_State *L, runtime *rt, straggler_list *list);
/* Into the table at the top: tasks_canceled, tasks_left, stragglers. [0, 0] */
void stragglers_set_facts(lua_State *L, runtime *rt, const straggler_list *list);
/* "canceled" or "killed": its connections, and the tasks that the step cuts. */
void stragglers_note(lua_State *L, server_box *box, const char *fate);
/* The same for the tasks of no server. */
void stragglers_note_process(lua_State *L, runtime *rt, const char *fate);
/* The tasks that are about to end with their connection, which the drain closes. */
void stragglers_note_conn(lua_State *L, conn_box *box);
void stragglers_note_undelivered(lua_State *L, server_box *box, const lc_conn *conn); /* closed */
void stragglers_kill(lua_State *L, server_box *box);

#endif
