/* http/upgrade.c - request:upgrade: the connection leaves HTTP for another protocol. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <strings.h>

#include "conn/writing.h"
#include "http/fields.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"
#include "task/wait.h"

enum { LINES = 960 }; /* bytes of all headers of a 101 */

static int is_space(char c) { return c == ' ' || c == '\t'; }

/* Whether the list, as an Upgrade field has it, names the protocol. Its names have no case. */
static int names(const char *list, size_t length, const char *protocol, size_t size)
{
  const char *end = list + length;
  while (list < end) {
    const char *comma = memchr(list, ',', (size_t)(end - list));
    const char *stop = comma ? comma : end;
    while (list < stop && is_space(*list)) list++;
    const char *last = stop;
    while (last > list && is_space(last[-1])) last--;
    if ((size_t)(last - list) == size && !strncasecmp(list, protocol, size)) return 1;
    list = stop + 1;
  }
  return 0;
}

/* The client has not asked for it. */
static int refuse(lua_State *L, const char *why)
{
  lua_pushnil(L);
  lua_pushliteral(L, "invalid");
  lua_pushfstring(L, "request:upgrade: %s", why);
  return 3;
}

/* A connection that has left HTTP may be silent for longer than one that waits for a request. */
static int leave_http(lua_State *L, conn_box *box)
{
  lc_settings settings = *lc_conn_settings(box->conn);
  lc_time idle_timeout = box->of_server ? box->of_server->idle_timeout : LC_NEVER;
  if (settings.idle_timeout != idle_timeout) {
    settings.idle_timeout = idle_timeout;
    int result = lc_conn_set_settings(box->conn, &settings);
    if (result < 0) return conn_failure(L, box, result, "request:upgrade");
  }
  box->is_seen = 1;
  lua_getiuservalue(L, 1, HTTP_OF_CONN);
  return 1;
}

static int upgrade(lua_State *L, const char *lines, size_t length);

static int upgrade_more(lua_State *L, int status, lua_KContext kept)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  task *t = self->box->rt->current;
  int why = t->woken;
  (void)status;
  (void)kept;
  t->woken = 0;
  if (!why) return upgrade(L, NULL, 0);
  conn_give_up_write(self->box, t, why, 1);
  return conn_failure(L, self->box, why, "request:upgrade");
}

/* Sends the 101, or goes on sending it. */
static int upgrade(lua_State *L, const char *lines, size_t length)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  conn_box *box = self->box;
  task *t = task_current(L, box->rt, "request:upgrade");
  int result = lc_http_upgrade(self->exchange, box->conn, lines, length);
  if (result == LC_AGAIN) return conn_wait_half_way(L, t, box, 1, upgrade_more);
  conn_end_write(box, t);
  if (result == -EINVAL) return refuse(L, "the body of the request has not been read");
  if (result < 0) return conn_failure(L, box, result, "request:upgrade");
  return leave_http(L, box);
}

/* request:upgrade(protocol, headers) -> the connection; or nil, code, message. */
static int request_upgrade(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_REQUEST);
  char place[LINES];
  const char *bytes;
  size_t size;
  http_fields fields;
  const char *protocol = check_bytes(L, 2, &size);
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) check_type(L, 3, LUA_TTABLE);
  if (lc_http_has_begun(self->exchange))
    raise_error(L, "request:upgrade: the response has begun already");
  if (conn_is_being_written(self->box, task_running(L, self->box->rt)))
    raise_error(L, "request:upgrade: another task waits for what was written before");
  const lc_http_head *head = lc_http_request(self->exchange, &bytes);
  if (!head->upgrade.length) return refuse(L, "the client has not asked for another protocol");
  if (!names(bytes + head->upgrade.at, head->upgrade.length, protocol, size))
    return refuse(L, "the client has asked for other protocols");
  lc_http_writer own;
  lc_http_write_begin(&own, place, sizeof place);
  if (lc_http_write_field(&own, "Upgrade", 7, protocol, size) < 0)
    raise_error(L, "request:upgrade: this cannot be the name of a protocol");
  size_t begins = own.length < sizeof place ? own.length : sizeof place;
  http_fields_read(L, 3, 3, "request:upgrade", place + begins, sizeof place - begins, &fields);
  if (begins + fields.lines.length > sizeof place)
    raise_error(L, "request:upgrade: the headers are longer than %d bytes", LINES);
  return upgrade(L, place, begins + fields.lines.length);
}

void http_open_upgrade(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"upgrade", request_upgrade}, {NULL, NULL}};
  register_functions(L, rt, "request:", methods);
}
