/* conn/properties.c - the properties of a connection, and the table of its methods. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "conn/box.h"
#include "conn/describe.h"
#include "conn/keeping.h"
#include "conn/leaks.h"
#include "conn/methods.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"
#include "script/register.h"

static int conn_stats(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lua_createtable(L, 0, 10);
  conn_describe(L, box->conn);
  return 1;
}

static int push_address(lua_State *L, const lc_address *address)
{
  char host[LC_HOST_MAX + 1];
  uint16_t port;
  const char *family = lc_address_parts(address, host, &port);
  lua_pushstring(L, host);
  lua_pushinteger(L, port);
  lua_pushstring(L, family);
  return 3;
}

static int conn_peer(lua_State *L)
{
  lc_address address;
  lc_conn_peer(conn_check(L, 1)->conn, &address);
  return push_address(L, &address);
}

static int conn_localname(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  lc_address address;
  int result = lc_conn_local(box->conn, &address);
  return result < 0 ? conn_failure(L, box, result, "localname") : push_address(L, &address);
}

static int conn_state(lua_State *L)
{
  lua_pushstring(L, lc_state_name(lc_conn_state(conn_check(L, 1)->conn)));
  return 1;
}

static int conn_server(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  if (box->of_server && box->of_server->anchor != LUA_NOREF)
    runtime_push_anchored(L, box->rt, box->of_server->anchor);
  else lua_pushnil(L);
  return 1;
}

static int conn_context(lua_State *L)
{
  (void)conn_check(L, 1);
  conn_context_of(L, 1);
  return 1;
}

static int conn_error(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  int code = box->last_failure ? box->last_failure : lc_conn_error(box->conn);
  if (!code) {
    lua_pushnil(L);
    return 1;
  }
  push_failure(L, code, NULL, "connection");
  lua_remove(L, -3);
  return 2;
}

static int guard_done(lua_State *L)
{
  conn_box **held = check_object(L, 1, "lastcall.guard");
  if (*held && (*held)->conn && (*held)->rt->loop) lc_conn_unguard((*held)->conn);
  *held = NULL;
  return 0;
}

static int conn_work(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  conn_box **held = lua_newuserdatauv(L, sizeof *held, 1);
  *held = NULL;
  luaL_setmetatable(L, "lastcall.guard");
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  *held = box;
  lc_conn_guard(box->conn);
  return 1;
}

static int conn_tostring(lua_State *L)
{
  conn_box *box = conn_check(L, 1);
  char text[LC_ADDRESS_TEXT_MAX];
  lua_pushfstring(L, "connection %I: %s %s", (lua_Integer)lc_conn_id(box->conn),
                  peer_text(box->conn, text, sizeof text), lc_state_name(lc_conn_state(box->conn)));
  return 1;
}

static int get_id(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)lc_conn_id(conn_check(L, 1)->conn));
  return 1;
}

static int get_data(lua_State *L)
{
  conn_check(L, 1);
  if (conn_kept_value(L, 1, CONN_DATA) != LUA_TNIL) return 1;
  lua_newtable(L);
  lua_pushvalue(L, -1);
  conn_keep_value(L, 1, CONN_DATA);
  return 1;
}

/* Among the methods, a field of the connection is stored as the address of one of these. */
typedef struct field {
  const char *name;
  lua_CFunction get;
} field;

static const field FIELDS[] = {{"id", get_id}, {"data", get_data}};

/* The __index of connections; upvalue 1 is the table of methods. Each call of a method comes here
 * first. */
static int conn_index(lua_State *L)
{
  lua_settop(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TLIGHTUSERDATA) return 1;
  return ((const field *)lua_touserdata(L, -1))->get(L);
}

static int conn_newindex(lua_State *L)
{
  conn_check(L, 1);
  size_t length;
  const char *name = lua_tolstring(L, 2, &length);
  if (!name || strcmp(name, "data") || length != strlen("data"))
    raise_error(L, "a connection has no settable field '%s': keep your own values in conn.data",
                name ? name : luaL_typename(L, 2));
  lua_settop(L, 3);
  conn_keep_value(L, 1, CONN_DATA);
  return 0;
}

void conn_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {
    {"stats", conn_stats}, {"peer", conn_peer},     {"localname", conn_localname},
    {"state", conn_state}, {"server", conn_server}, {"context", conn_context},
    {"error", conn_error}, {"work", conn_work},     {NULL, NULL}};
  conn_open_relay(L, rt);
  conn_open_starttls(L, rt);
  conn_open_keeping(L, rt);
  conn_open_lending(L, rt);
  register_ending(L, "lastcall.guard", guard_done);

  new_type(L, CONN_TYPE);
  lua_pushvalue(L, -1);
  rt->conns->type = luaL_ref(L, LUA_REGISTRYINDEX); /* a look-up by number is faster than by name */
  lua_newtable(L);
  register_functions(L, rt, "conn:", methods);
  conn_open_reading(L, rt);
  conn_open_writing(L, rt);
  conn_open_sockopt(L, rt);
  conn_open_settings(L, rt);
  conn_open_passing(L, rt);
  conn_open_detach(L, rt);
  conn_open_eof(L, rt);
  conn_open_closing(L, rt);
  for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&FIELDS[i]);
    lua_setfield(L, -2, FIELDS[i].name);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "connection_methods"); /* the Lua modules add methods of their own */
  lua_pushcclosure(L, conn_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, conn_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, conn_collect);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, conn_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}
