/* module.c - luaopen: what lastcall/tls.lua makes the option `tls` of. Not for scripts. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "lua/describe.h"
#include "ssl/config.h"
#include "ssl/transport.h"
#include "ssl/wire.h"

__attribute__((visibility("default"))) int luaopen_lastcall_tls_core(lua_State *L);

static const char CONFIG_TYPE[] = "lastcall.tls.config";

/* ------------------------------------------------------------------- configs -- */

static tls_text text_field(lua_State *L, const char *name)
{
  tls_text text = {NULL, 0};
  lua_getfield(L, 1, name);
  text.data = lua_tolstring(L, -1, &text.length);
  lua_pop(L, 1); /* the table keeps the string */
  return text;
}

static int field(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name);
  int value = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return value;
}

static tls_config **check_config(lua_State *L, int index)
{
  return luaL_checkudata(L, index, CONFIG_TYPE);
}

static int no_memory(lua_State *L)
{
  lua_pushnil(L);
  lua_pushliteral(L, "enomem");
  lua_pushliteral(L, "not enough memory");
  return 3;
}

/* At the top: {name = config, ...}. Returns whether there was memory for all. */
static int take_names(lua_State *L, tls_config *config)
{
  int result = 0;
  for (lua_pushnil(L); !result && lua_next(L, -2); lua_pop(L, 1))
    result = tls_config_name(config, lua_tostring(L, -2), *check_config(L, -1));
  return result == 0;
}

/* config({is_client=, certificate=, ..., names = {name = config}}) -> config; or nil, code,
 * message. lastcall/tls.lua has checked and read everything. */
static int make_config(lua_State *L)
{
  tls_failure failure;
  luaL_checktype(L, 1, LUA_TTABLE);
  tls_config **place = lua_newuserdatauv(L, sizeof *place, 0);
  *place = NULL;
  luaL_setmetatable(L, CONFIG_TYPE);
  tls_options options = {
    .is_client = field(L, "is_client"),
    .certificate = text_field(L, "certificate"),
    .key = text_field(L, "key"),
    .chain = text_field(L, "chain"),
    .ca = text_field(L, "ca"),
    .alpn = text_field(L, "alpn"),
    .ticket_keys = text_field(L, "ticket_keys"),
    .ciphers = text_field(L, "ciphers").data,
    .min_version = field(L, "min_version") == 13 ? TLS1_3_VERSION : TLS1_2_VERSION,
    .verify = field(L, "verify"),
    .has_tickets = field(L, "has_tickets")};
  *place = tls_config_new(&options, &failure);
  if (!*place) {
    lua_pushnil(L);
    lua_pushstring(L, failure.code);
    lua_pushstring(L, failure.text);
    return 3;
  }
  if (lua_getfield(L, 1, "names") == LUA_TTABLE && !take_names(L, *place)) return no_memory(L);
  lua_pop(L, 1);
  return 1;
}

static int collect_config(lua_State *L)
{
  tls_config **place = check_config(L, 1);
  tls_config_drop(*place);
  *place = NULL;
  return 0;
}

/* ---------------------------------------------------------------- transports -- */

/* The core's name for userdata that hold a transport: a pointer to a lc_transport. */
static tls_transport **check_transport(lua_State *L, int index)
{
  return luaL_checkudata(L, index, LC_TRANSPORT_TYPE);
}

/* transport(config, [host]) -> transport; or nil, code, message */
static int make_transport(lua_State *L)
{
  tls_config *config = *check_config(L, 1);
  const char *host = luaL_optstring(L, 2, NULL);
  tls_transport **place = lua_newuserdatauv(L, sizeof *place, 0);
  *place = NULL;
  luaL_setmetatable(L, LC_TRANSPORT_TYPE);
  *place = tls_transport_new(config, host);
  return *place ? 1 : no_memory(L);
}

static int collect_transport(lua_State *L)
{
  tls_transport **place = check_transport(L, 1);
  tls_transport_drop(*place);
  *place = NULL;
  return 0;
}

/* reconfigure(transport, config) */
static int reconfigure(lua_State *L)
{
  tls_transport_reconfigure(*check_transport(L, 1), *check_config(L, 2));
  return 0;
}

/* describe(what the core's conn_transport has returned) */
static int describe(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
  tls_describe(L, lua_touserdata(L, 1));
  return 1;
}

static int count(lua_State *L)
{
  lua_pushinteger(L, tls_config_count());
  return 1;
}

static void make_type(lua_State *L, const char *name, lua_CFunction collect)
{
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

int luaopen_lastcall_tls_core(lua_State *L)
{
  static const luaL_Reg functions[] = {{"config", make_config},
                                       {"transport", make_transport},
                                       {"reconfigure", reconfigure},
                                       {"describe", describe},
                                       {"count", count},
                                       {NULL, NULL}};
  luaL_checkversion(L);
  if (tls_wire_init() < 0) return luaL_error(L, "lastcall.tls: not enough memory");
  make_type(L, CONFIG_TYPE, collect_config);
  make_type(L, LC_TRANSPORT_TYPE, collect_transport);
  luaL_newlib(L, functions);
  return 1;
}
