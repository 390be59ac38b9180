/* script/options.c - reads numbers and switches from option tables. The modules have checked names
 * and types. */
#include "script/options.h"

#include <limits.h>
#include <lua.h>
#include <math.h>
#include <string.h>

lc_time option_time(lua_State *L, int index, const char *name, lc_time otherwise)
{
  int type = lua_getfield(L, index, name);
  lc_time time = otherwise;
  if (type == LUA_TNUMBER) time = lc_seconds(lua_tonumber(L, -1));
  else if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1)) time = LC_NEVER;
  lua_pop(L, 1);
  return time;
}

lua_Integer option_integer(lua_State *L, int index, const char *name, lua_Integer otherwise)
{
  int given;
  lua_getfield(L, index, name);
  lua_Integer value = lua_tointegerx(L, -1, &given);
  lua_pop(L, 1);
  return given ? value : otherwise;
}

int option_boolean(lua_State *L, int index, const char *name, int otherwise)
{
  int type = lua_getfield(L, index, name);
  int value = type == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

int option_is(lua_State *L, int index, const char *name, const char *word)
{
  lua_getfield(L, index, name);
  const char *given = lua_tostring(L, -1);
  int is = given && !strcmp(given, word);
  lua_pop(L, 1);
  return is;
}

void option_keepalive(lua_State *L, int index, lc_keepalive *keepalive)
{
  index = lua_absindex(L, index);
  int type = lua_getfield(L, index, "keepalive");
  if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
    keepalive->count = 0;
  } else if (type == LUA_TTABLE) {
    keepalive->idle = option_time(L, -1, "idle", keepalive->idle);
    keepalive->interval = option_time(L, -1, "interval", keepalive->interval);
    keepalive->count = (int)option_integer(L, -1, "count", keepalive->count);
  }
  lua_pop(L, 1);
}

void option_heartbeat(lua_State *L, int index, lc_heartbeat *heartbeat)
{
  index = lua_absindex(L, index);
  int type = lua_getfield(L, index, "heartbeat");
  if (type == LUA_TTABLE) {
    heartbeat->interval = option_time(L, -1, "interval", 15 * LC_SECOND);
    heartbeat->timeout = option_time(L, -1, "timeout", 10 * LC_SECOND);
  } else if (type == LUA_TBOOLEAN) {
    heartbeat->interval = LC_NEVER;
  }
  lua_pop(L, 1);
}

static void option_linger(lua_State *L, int index, lc_time *linger)
{
  int type = lua_getfield(L, index, "linger");
  if (type == LUA_TNUMBER) *linger = lc_seconds(lua_tonumber(L, -1));
  else if (type == LUA_TSTRING) *linger = LC_LINGER_BACKGROUND;
  lua_pop(L, 1);
}

void option_settings(lua_State *L, int index, lc_settings *settings)
{
  index = lua_absindex(L, index);
  lc_keepalive before = settings->keepalive;
  option_linger(L, index, &settings->linger);
  settings->linger_bytes =
    (uint64_t)option_integer(L, index, "linger_bytes", (lua_Integer)settings->linger_bytes);
  option_keepalive(L, index, &settings->keepalive);
  if (before.idle != settings->keepalive.idle || before.interval != settings->keepalive.interval ||
      before.count != settings->keepalive.count)
    settings->user_timeout = lc_keepalive_user_timeout(&settings->keepalive);
  option_heartbeat(L, index, &settings->heartbeat);
  lc_time given = option_time(L, index, "user_timeout", settings->user_timeout);
  settings->user_timeout = given == LC_NEVER ? 0 : given;
  settings->read_timeout = option_time(L, index, "read_timeout", settings->read_timeout);
  settings->write_timeout = option_time(L, index, "write_timeout", settings->write_timeout);
  settings->handshake_timeout =
    option_time(L, index, "handshake_timeout", settings->handshake_timeout);
  settings->first_byte_timeout =
    option_time(L, index, "first_byte_timeout", settings->first_byte_timeout);
  settings->idle_timeout = option_time(L, index, "idle_timeout", settings->idle_timeout);
  settings->max_age = option_time(L, index, "max_age", settings->max_age);
  settings->max_line =
    (size_t)option_integer(L, index, "max_line", (lua_Integer)settings->max_line);
  settings->max_read =
    (size_t)option_integer(L, index, "max_read", (lua_Integer)settings->max_read);
  settings->max_queue =
    (size_t)option_integer(L, index, "max_queue", (lua_Integer)settings->max_queue);
  settings->nodelay = option_boolean(L, index, "nodelay", settings->nodelay);
}

void option_drain(lua_State *L, int index, lc_drain_options *drain)
{
  index = lua_absindex(L, index);
  int type = lua_getfield(L, index, "drain");
  if (type == LUA_TNUMBER) {
    drain->timeout = lc_seconds(lua_tonumber(L, -1));
    drain->hooks = -1;
  } else if (type == LUA_TTABLE) {
    drain->timeout = option_time(L, -1, "timeout", drain->timeout);
    drain->delay = option_time(L, -1, "delay", drain->delay);
    drain->settle = option_time(L, -1, "settle", drain->settle);
    drain->quiet = option_time(L, -1, "quiet", drain->quiet);
    drain->grace = option_time(L, -1, "grace", drain->grace);
    drain->hooks = option_time(L, -1, "hooks", -1);
    drain->spread = option_time(L, -1, "spread", drain->spread);
  }
  lua_pop(L, 1);
}

/* true, false, or {index = from 1, of = how many}. */
static void option_reuseport(lua_State *L, int index, lc_listen_options *listen)
{
  int type = lua_getfield(L, index, "reuseport");
  listen->reuseport = lua_toboolean(L, -1);
  if (type == LUA_TTABLE) {
    listen->reuseport_place = (int)option_integer(L, -1, "index", 1) - 1;
    listen->reuseport_of = (int)option_integer(L, -1, "of", 0);
  }
  lua_pop(L, 1);
}

void option_listen(lua_State *L, int index, lc_listen_options *listen)
{
  lc_listen_options_init(listen);
  listen->backlog = (int)option_integer(L, index, "backlog", listen->backlog);
  listen->reuseaddr = option_boolean(L, index, "reuseaddr", listen->reuseaddr);
  option_reuseport(L, index, listen);
  listen->ipv6_only = option_boolean(L, index, "ipv6_only", listen->ipv6_only);
  listen->unix_mode = (int)option_integer(L, index, "unix_mode", listen->unix_mode);
  listen->shared = option_boolean(L, index, "shared", listen->shared);
  int type = lua_getfield(L, index, "defer_accept");
  if (type == LUA_TBOOLEAN) listen->defer_accept = lua_toboolean(L, -1);
  if (type == LUA_TNUMBER) {
    lua_Number seconds = ceil(lua_tonumber(L, -1));
    listen->defer_accept = seconds < INT_MAX ? (int)seconds : INT_MAX;
  }
  lua_pop(L, 1);
}
