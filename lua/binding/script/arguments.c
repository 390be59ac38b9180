/* script/arguments.c - checks of arguments whose errors name the function as scripts call it.
 *
 * Lua itself knows only the name in the calling line. If pcall or a task makes the call, there is
 * no such name, and Lua looks for one among all modules. So the name is each function's second
 * upvalue. */
#include "script/arguments.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "script/raise.h"

/* The registered name of the running function, or NULL. */
static const char *public_name(lua_State *L)
{
  int name = lua_upvalueindex(2);
  return lua_type(L, name) == LUA_TSTRING ? lua_tostring(L, name) : NULL;
}

void argument_error(lua_State *L, int argument, const char *text)
{
  const char *name = public_name(L), *colon = name ? strchr(name, ':') : NULL;
  if (!name) name = "?";
  if (!colon) raise_error(L, "bad argument #%d to '%s' (%s)", argument, name, text);
  if (argument > 1) raise_error(L, "bad argument #%d to '%s' (%s)", argument - 1, name, text);
  lua_pushlstring(L, name, (size_t)(colon - name));
  raise_error(L, "%s: expected a %s as self: call it with ':'", name, lua_tostring(L, -1));
}

void argument_type_error(lua_State *L, int argument, const char *expected)
{
  const char *got = luaL_typename(L, argument);
  if (luaL_getmetafield(L, argument, "__name") == LUA_TSTRING) got = lua_tostring(L, -1);
  else if (lua_islightuserdata(L, argument)) got = "light userdata";
  argument_error(L, argument, lua_pushfstring(L, "%s expected, got %s", expected, got));
}

/* -------------------------------------------------------------------- checks -- */

lua_Number check_number(lua_State *L, int argument)
{
  int is_number;
  lua_Number number = lua_tonumberx(L, argument, &is_number);
  if (!is_number) argument_type_error(L, argument, "number");
  return number;
}

lua_Integer check_integer(lua_State *L, int argument)
{
  int is_integer;
  lua_Integer integer = lua_tointegerx(L, argument, &is_integer);
  if (is_integer) return integer;
  if (lua_isnumber(L, argument))
    argument_error(L, argument, "number has no integer representation");
  argument_type_error(L, argument, "number");
}

const char *check_bytes(lua_State *L, int argument, size_t *length)
{
  const char *bytes = lua_tolstring(L, argument, length);
  if (!bytes) argument_type_error(L, argument, "string");
  return bytes;
}

const char *check_string(lua_State *L, int argument) { return check_bytes(L, argument, NULL); }

void check_type(lua_State *L, int argument, int type)
{
  if (lua_type(L, argument) != type) argument_type_error(L, argument, lua_typename(L, type));
}

void check_any(lua_State *L, int argument)
{
  if (lua_isnone(L, argument)) argument_error(L, argument, "value expected");
}

void *check_object(lua_State *L, int argument, const char *type)
{
  void *object = luaL_testudata(L, argument, type);
  if (!object) argument_type_error(L, argument, type);
  return object;
}

const char *check_word(lua_State *L, int argument)
{
  size_t length;
  const char *word = check_bytes(L, argument, &length);
  check_that(L, strlen(word) == length, argument, "a zero byte lies in it");
  return word;
}

int check_choice(lua_State *L, int argument, const char *otherwise, const char *const words[])
{
  const char *word =
    otherwise ? optional_string(L, argument, otherwise) : check_string(L, argument);
  for (int i = 0; words[i]; i++)
    if (!strcmp(words[i], word)) return i;
  argument_error(L, argument, lua_pushfstring(L, "invalid option '%s'", word));
}

lua_Number optional_number(lua_State *L, int argument, lua_Number otherwise)
{
  return lua_isnoneornil(L, argument) ? otherwise : check_number(L, argument);
}

lua_Integer optional_integer(lua_State *L, int argument, lua_Integer otherwise)
{
  return lua_isnoneornil(L, argument) ? otherwise : check_integer(L, argument);
}

const char *optional_string(lua_State *L, int argument, const char *otherwise)
{
  return lua_isnoneornil(L, argument) ? otherwise : check_string(L, argument);
}

lc_time optional_seconds(lua_State *L, int argument)
{
  if (lua_isnoneornil(L, argument)) return LC_NEVER;
  lua_Number seconds = check_number(L, argument);
  check_that(L, seconds == seconds, argument, "not a number (NaN) is no time");
  return lc_seconds(seconds);
}

int numeric_argument(lua_State *L, int index, lc_address *address)
{
  size_t length;
  const char *text = check_bytes(L, index, &length), *problem = "it needs a look-up";
  lc_endpoint endpoint;
  if (lc_endpoint_parse(text, length, &endpoint, &problem) == 0 &&
      lc_endpoint_address(&endpoint, address) == 0)
    return 0;
  argument_error(L, index, problem);
}

void linger_argument(lua_State *L, int index, lc_time *linger)
{
  if (lua_isnoneornil(L, index)) return;
  if (lua_type(L, index) == LUA_TNUMBER) {
    *linger = optional_seconds(L, index);
    return;
  }
  const char *word = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";
  check_that(L, !strcmp(word, "background"), index,
             "seconds to linger, 0 to reset, or \"background\"");
  *linger = LC_LINGER_BACKGROUND;
}
