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
  unsigned live;       /* not done, and counted: a run waits for them */
  struct moves *moves; /* of connections, to be told; NULL while there were none */
} servers;

struct server_box {
  union {
    owner as_owner;
    server_base as_base;
    struct {
      SERVER_FIELDS; /* anchored until it is done */
    };
  };
  int handler; /* anchors: LUA_NOREF when there is none */
  int on_state;
  int on_step;
  int on_drain;
  straggler_list list; /* where `stragglers` points */
  int is_done;
  int starts_with_data;    /* handlers begin with the first byte */
  int gives_context;       /* the handler has a second parameter: without one none need be made */
  int tells;               /* how many of its arguments on_state takes: likewise */
  int is_uncounted;        /* a run does not wait for it */
  struct late_peers *late; /* server/late.c; NULL while nobody was late */
  lc_link acceptors;       /* tasks in accept */
  lc_link waiters;         /* tasks in serve, wait and wait_for */
};

extern const char SERVER_TYPE[];
server_box *server_check(lua_State *L, int index);
/* The server of a connection that has one. */
static inline server_box *server_of(const conn_box *conn)
{
  return LC_OWNER(conn->of_server, server_box, as_base);
}
extern const lc_events SERVER_EVENTS;
/* What it was to call or say; it is done, or goes. A connection keeps its server alive, and what is
 * anchored for the server may keep the connection: here the circle is broken. */
void server_forget_functions(server_box *box);
/* on_state's first word of a connection, whose box there is: "new". */
void server_tell_new(lua_State *L, server_box *box, lc_conn *conn);
void server_open(lua_State *L, runtime *rt);
/* Methods into the table at the top, and what only the modules call into the one below it. */
void server_register(lua_State *L, runtime *rt, const luaL_Reg *methods, const luaL_Reg *functions);
void server_open_events(lua_State *L, runtime *rt); /* registers so, as the next two do */
void server_open_listening(lua_State *L, runtime *rt);
void server_open_waiting(lua_State *L, runtime *rt);
/* server/late.c: whose bytes no handler was given. */
void late_note(server_box *box, const lc_conn *conn); /* it has closed */
void late_push(lua_State *L, const server_box *box);  /* a list of {id, peer, bytes} [0, +1] */
void late_free(server_box *box);
/* server/facts.c: the numbers of its report, as a table. */
int server_facts(lua_State *L);

#endif
