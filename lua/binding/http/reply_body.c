/* http/reply_body.c - reads the body of a reply, piece by piece. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/reading.h"
#include "http/headers.h"
#include "http/methods.h"
#include "http/reply.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "task/wait.h"

static const char INCOMING_TYPE[] = "lastcall.http.incoming";

/* User value 1: a table of the trailers, once they have come. */
typedef struct incoming {
  lc_http_incoming body;
  lc_http_field fields[]; /* for trailers */
} incoming;

static int is_too_long(int fault)
{
  return fault == LC_HTTP_BAD_HEAD_LONG || fault == LC_HTTP_BAD_LINE_LONG ||
         fault == LC_HTTP_BAD_FIELDS;
}

void http_push_reply_failure(lua_State *L, conn_box *box, int code, int fault)
{
  char peer[LC_ADDRESS_TEXT_MAX];
  if (code != LC_HTTP_BAD) {
    conn_failure(L, box, code, "reply");
    return;
  }
  lua_pushnil(L);
  lua_pushstring(L, is_too_long(fault) ? lc_code_name(LC_TOO_LONG) : "invalid");
  lua_pushfstring(L, "%s: reply: %s", peer_text(box->conn, peer, sizeof peer),
                  lc_http_fault_text((lc_http_fault)fault));
}

void http_push_reply_body(lua_State *L, const lc_http_head *head)
{
  uint32_t room = head->body == LC_HTTP_CHUNKED ? head->max_fields : 0;
  incoming *in = lua_newuserdatauv(L, sizeof *in + room * sizeof *in->fields, 1);
  lc_http_incoming_begin(&in->body, head, in->fields, room);
  in->body.trailers.max_head = head->max_head;
  luaL_setmetatable(L, INCOMING_TYPE);
}

static int failure(lua_State *L, conn_box *box, const incoming *in, int code)
{
  int fault = LC_HTTP_NO_FAULT;
  if (code == LC_HTTP_BAD)
    fault = in->body.chunks.fault ? in->body.chunks.fault : in->body.trailers.fault;
  http_push_reply_failure(L, box, code, fault);
  return 3;
}

static int read_piece(lua_State *L, int status, lua_KContext max)
{
  conn_box *box = conn_self(L);
  task *t = box->rt->current;
  incoming *in = lua_touserdata(L, 2);
  lc_slice piece = {0};
  int result = t->woken;
  (void)status;
  t->woken = 0;
  if (!result) result = lc_http_incoming_read(&in->body, box->conn, (size_t)max, &piece);
  if (result == LC_AGAIN && task_ended(t)) result = task_ended(t);
  if (result == LC_AGAIN)
    return conn_wait_input(L, t, box, LC_NEVER, "reply:read", max, read_piece);
  if (result < 0) return failure(L, box, in, result);
  t->rt->tasks->bytes -= (ssize_t)piece.length;
  if (result == LC_HTTP_OVER && !piece.length) return 0;
  if (result == LC_HTTP_OVER) {
    http_push_fields(L, &in->body.trailers, piece.data);
    lua_setiuservalue(L, 2, 1);
    return 0;
  }
  lua_pushlstring(L, piece.data, piece.length);
  return 1;
}

/* http_read_body(conn, incoming, most bytes) -> a piece; nothing at the end; or nil, code, message:
 * "eof" when the peer finishes before the end. */
static int http_read_body(lua_State *L)
{
  conn_box *box = conn_self(L);
  check_object(L, 2, INCOMING_TYPE);
  lua_Integer max = check_integer(L, 3);
  check_that(L, max > 0, 3, "at least one byte");
  lua_settop(L, 2);
  task *t = task_current(L, box->rt, "reply:read");
  conn_refuse_second_reader(L, box, t, "reply:read");
  t->woken = 0;
  if (task_is_spent(t)) return task_yield(L, t, (lua_KContext)max, read_piece);
  return read_piece(L, LUA_OK, (lua_KContext)max);
}

/* http_is_read(incoming) -> whether all of the body has been read. */
static int http_is_read(lua_State *L)
{
  lua_pushboolean(L, ((incoming *)check_object(L, 1, INCOMING_TYPE))->body.is_over);
  return 1;
}

/* http_trailers(incoming) -> a table of the trailers that have come; nil when there are none. */
static int http_trailers(lua_State *L)
{
  check_object(L, 1, INCOMING_TYPE);
  lua_getiuservalue(L, 1, 1);
  return 1;
}

void http_open_reply_body(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_read_body", http_read_body},
                                       {"http_is_read", http_is_read},
                                       {"http_trailers", http_trailers},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
  new_type(L, INCOMING_TYPE);
  lua_pop(L, 1);
}
