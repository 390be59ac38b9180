/* server/conns.c - the objects of a server's connections. Some are made only when needed. */
#include "server/conns.h"

#include <lua.h>

#include "conn/keeping.h"
#include "conn/leaks.h"
#include "server/box.h"

/* Whether the connection waits for its first byte. Its object may have been collected, and another
 * made since. */
int server_is_to_start(const server_box *box, const lc_conn *conn)
{
  const conn_box *of = lc_conn_user(conn);
  return of ? (int)of->is_unstarted : box->starts_with_data && box->handler != LUA_NOREF;
}

conn_box *server_make_conn(lua_State *L, server_box *box, lc_conn *conn)
{
  conn_box *of = conn_box_new(L, box->rt, conn, &box->as_base);
  of->is_served = of->is_unstarted = 1;
  return of;
}

int server_push_conn(lua_State *L, server_box *box, lc_conn *conn)
{
  conn_box *of = lc_conn_user(conn);
  if (of && conn_push(L, of)) return 1;
  if (!server_is_to_start(box, conn)) return 0; /* it has been collected */
  of = server_make_conn(L, box, conn);
  of->is_seen = 1;
  conn_keep_weakly(L, of);
  if (lc_conn_error(conn)) conn_end_context(of, lc_code_name(lc_conn_error(conn)));
  return 1;
}
