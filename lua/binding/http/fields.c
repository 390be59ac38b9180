/* http/fields.c - the headers of a message, from a script's tables to lines. */
#include "http/fields.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <strings.h>

#include "http/methods.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"

/* A header whose meaning is lastcall's business. Returns whether it is one. */
static int note_special(lua_State *L, http_fields *fields, const char *operation, const char *name,
                        int value)
{
  if (!strcasecmp(name, "Content-Length")) {
    int is_number;
    fields->length = lua_tointegerx(L, value, &is_number);
    if (!is_number || fields->length < 0)
      raise_error(L, "%s: Content-Length is not a number of bytes", operation);
    return 1;
  }
  if (!strcasecmp(name, "Connection")) {
    if (!lua_isstring(L, value) || strcasecmp(lua_tostring(L, value), "close"))
      raise_error(L, "%s: Connection is lastcall's; a script can set it to \"close\" only",
                  operation);
    fields->closes = 1;
    return 1;
  }
  if (!strcasecmp(name, "Transfer-Encoding") || !strcasecmp(name, "Keep-Alive"))
    raise_error(L, "%s: %s is lastcall's: leave it out", operation, name);
  if (!strcasecmp(name, "Date")) fields->has_date = 1;
  if (!strcasecmp(name, "Content-Type")) fields->has_type = 1;
  return 0;
}

/* The name at `name`, the value at the top. */
static void write_one(lua_State *L, http_fields *fields, const char *operation, int name)
{
  size_t name_length, length;
  const char *text = lua_tolstring(L, name, &name_length);
  lua_pushvalue(L, -1); /* the value itself stays as it is */
  const char *value = lua_tolstring(L, -1, &length);
  if (lc_http_write_field(&fields->lines, text, name_length, value, length) < 0)
    raise_error(L,
                lc_http_is_token(text, name_length)
                  ? "%s: the value of the header %s has a line end, or another character that no "
                    "header may have"
                  : "%s: \"%s\" cannot be the name of a header",
                operation, text);
  lua_pop(L, 1);
}

static int is_value(lua_State *L, int index)
{
  int type = lua_type(L, index);
  return type == LUA_TSTRING || type == LUA_TNUMBER;
}

/* The name is below the value, which lies at the top: a string, a number, or a list of them. */
static void write_header(lua_State *L, http_fields *fields, const char *operation)
{
  int value = lua_gettop(L), name = value - 1;
  if (lua_type(L, name) != LUA_TSTRING)
    raise_error(L, "%s: the name of a header is a string, not a %s", operation,
                luaL_typename(L, name));
  if (note_special(L, fields, operation, lua_tostring(L, name), value)) return;
  if (is_value(L, value)) {
    write_one(L, fields, operation, name);
    return;
  }
  if (!lua_istable(L, value))
    raise_error(L, "%s: the header %s is a string, a number or a list of them, not a %s", operation,
                lua_tostring(L, name), luaL_typename(L, value));
  for (lua_Integer i = 1; lua_rawgeti(L, value, i) != LUA_TNIL; i++) {
    if (!is_value(L, -1))
      raise_error(L, "%s: the header %s has a %s in its list", operation, lua_tostring(L, name),
                  luaL_typename(L, -1));
    write_one(L, fields, operation, name);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void write_table(lua_State *L, http_fields *fields, const char *operation, int index)
{
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) write_header(L, fields, operation);
}

static void write_tables(lua_State *L, int first, int last, const char *operation, char *place,
                         size_t room, http_fields *fields)
{
  *fields = (http_fields){.length = -1};
  lc_http_write_begin(&fields->lines, place, room);
  for (int i = first; i <= last; i++)
    if (!lua_isnil(L, i)) write_table(L, fields, operation, i);
}

void http_fields_read(lua_State *L, int first, int last, const char *operation, char *place,
                      size_t room, http_fields *fields)
{
  luaL_checkstack(L, 8, "headers");
  write_tables(L, first, last, operation, place, room, fields);
  size_t length = fields->lines.length;
  if (length <= room) return;
  char *more = lua_newuserdatauv(L, length, 0);
  write_tables(L, first, last, operation, more, length, fields);
  if (fields->lines.length > length) /* a finalizer has run between */
    raise_error(L, "%s: the headers have changed while they were read", operation);
}

/* http_header_lines(operation, table, ...) -> the lines of these headers; their Content-Length or
 * nil; whether they say Connection: close. */
static int http_header_lines(lua_State *L)
{
  char place[1024];
  http_fields fields;
  const char *operation = check_string(L, 1);
  int last = lua_gettop(L);
  for (int i = 2; i <= last; i++) check_type(L, i, LUA_TTABLE);
  http_fields_read(L, 2, last, operation, place, sizeof place, &fields);
  lua_pushlstring(L, fields.lines.data, fields.lines.length);
  if (fields.length >= 0) lua_pushinteger(L, fields.length);
  else lua_pushnil(L);
  lua_pushboolean(L, fields.closes);
  return 3;
}

void http_open_fields(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_header_lines", http_header_lines}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
