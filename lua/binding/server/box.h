/* server/box.h - servers as Lua objects. */
#ifndef LC_BINDING_SERVER_BOX_H
#define LC_BINDING_SERVER_BOX_H

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "conn/box.h"
#include "conn/stragglers.h"
#include "lastcall.h"
#include "task/task.h"

typedef struct server_box server_box;

/* All servers of a runtime. */
typedef struct servers {
  unsigned live;   /* servers that are not done, and that a run waits for */
  lc_link by_hand; /* those from which only LuaSocket's accept takes clients: server/by_hand.h */
  struct moves *moves; /* of connections, for on_state; NULL before the first */
} servers;

struct server_box {
  union {
    owner as_owner;
    server_base as_base;
    struct {
      SERVER_FIELDS; /* anchored until the server is done */
    };
  };
  int on_state; /* anchors: LUA_NOREF when there is none */
  int on_step;
  int on_drain;
  int transport;       /* of its connections; until it is collected */
  straggler_list list; /* `stragglers` points here */
  int is_done;
  int hides_conns;      /* the handler gets requests: no script sees a connection unless it asks */
  int starts_with_data; /* handlers begin with the first byte, or with a unit of the protocol */
  int gives_context;    /* the handler has a second parameter: without one none need be made */
  int tells;            /* how many of its arguments on_state takes: likewise */
  unsigned tells_into;  /* the states, as bits, whose entry calls on_state */
  int is_by_hand;       /* in servers.by_hand, until it is collected */
  int is_deserted;      /* no code can accept from it any more */
  lc_link in_by_hand;
  struct http_service *http; /* server/http.c; NULL while none of its connections speaks HTTP */
  struct late_peers *late;   /* server/late.c; NULL while no connection was late */
  task_walk walk;            /* over all tasks, at the steps cancel and kill */
  lc_step noted;             /* those that were to be noted have been, at this step */
  lc_link acceptors;         /* tasks in accept */
  lc_link waiters;           /* tasks in wait_for: each change wakes them */
  lc_link end_waiters;       /* tasks in serve and wait */
};

extern const char SERVER_TYPE[];
server_box *server_check(lua_State *L, int index);
/* The server of a connection that has one. */
static inline server_box *server_of(const conn_box *conn)
{
  return LC_OWNER(conn->of_server, server_box, as_base);
}
/* Methods into the table at the top, and what only the modules call into the one below it. */
void server_register(lua_State *L, runtime *rt, const luaL_Reg *methods, const luaL_Reg *functions);

#endif
