/* http/headers.c - the fields of a head for scripts: found by name in any case, or walked over in
 * their order.
 *
 * The headers of a request lie in its exchange, and are over with it. Those of a reply that a
 * client gets lie in the object.
 */
#include "http/headers.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "http/methods.h"
#include "http/object.h"
#include "script/arguments.h"
#include "script/register.h"

static const char OWN_TYPE[] = "lastcall.http.reply_headers";

/* The fields, and then the bytes, lie behind it. */
typedef struct own_headers {
  const char *type; /* OWN_TYPE: what it is */
  const char *bytes;
  lc_http_head head;
  lc_http_field fields[];
} own_headers;

static const lc_http_head *self_head(lua_State *L, const char **bytes)
{
  own_headers *own = lua_touserdata(L, 1);
  size_t size = own ? lua_rawlen(L, 1) : 0;
  if (size == sizeof(http_object) || size < sizeof *own || own->type != OWN_TYPE)
    return lc_http_request(http_check(L, own, size, &HTTP_HEADERS)->exchange, bytes);
  *bytes = own->bytes;
  return &own->head;
}

void http_push_headers(lua_State *L, const lc_http_head *head, const lc_slice *bytes)
{
  size_t of_fields = head->count * sizeof(lc_http_field);
  own_headers *own = lua_newuserdatauv(L, sizeof *own + of_fields + bytes->length, 0);
  char *copy = (char *)own + sizeof *own + of_fields;
  own->type = OWN_TYPE;
  own->head = *head;
  own->head.fields = own->fields;
  own->bytes = copy;
  if (head->count) memcpy(own->fields, head->fields, of_fields);
  memcpy(copy, bytes->data, bytes->length);
  lua_rawgetp(L, LUA_REGISTRYINDEX, OWN_TYPE);
  lua_setmetatable(L, -2);
}

/* Fields of one name are one value, as if they had been sent in one line. */
static int push_joined(lua_State *L, const lc_http_head *head, const char *bytes, const char *name,
                       size_t length)
{
  const lc_http_field *field = lc_http_field_find(head, bytes, name, length, NULL);
  if (!field) return 0;
  http_push_span(L, bytes, &field->value);
  int count = 1;
  while ((field = lc_http_field_find(head, bytes, name, length, field))) {
    int is_cookie = length == 6 && (name[0] | 0x20) == 'c' && (name[1] | 0x20) == 'o';
    luaL_checkstack(L, 3, "too many headers");
    lua_pushstring(L, is_cookie ? "; " : ", ");
    http_push_span(L, bytes, &field->value);
    count += 2;
  }
  if (count > 1) lua_concat(L, count);
  return 1;
}

static void push_lower(lua_State *L, const char *text, size_t length)
{
  luaL_Buffer lower;
  char *place = luaL_buffinitsize(L, &lower, length);
  for (size_t i = 0; i < length; i++)
    place[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
  luaL_pushresultsize(&lower, length);
}

void http_push_fields(lua_State *L, const lc_http_head *head, const char *bytes)
{
  lua_createtable(L, 0, (int)head->count);
  for (uint32_t i = 0; i < head->count; i++) {
    const lc_http_span *name = &head->fields[i].name;
    push_lower(L, bytes + name->at, name->length);
    push_joined(L, head, bytes, lua_tostring(L, -1), name->length);
    lua_rawset(L, -3);
  }
}

static int headers_index(lua_State *L)
{
  const char *bytes;
  size_t length;
  const lc_http_head *head = self_head(L, &bytes);
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  const char *name = lua_tolstring(L, 2, &length);
  if (push_joined(L, head, bytes, name, length)) return 1;
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

/* headers:all(name) -> each value of the name, in a list. */
static int headers_all(lua_State *L)
{
  const char *bytes;
  size_t length;
  const lc_http_head *head = self_head(L, &bytes);
  const char *name = check_bytes(L, 2, &length);
  const lc_http_field *field = NULL;
  lua_Integer count = 0;
  lua_newtable(L);
  while ((field = lc_http_field_find(head, bytes, name, length, field))) {
    http_push_span(L, bytes, &field->value);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* The control value of the loop is the number of the field, and lies in an upvalue: names may
 * repeat. */
static int headers_next(lua_State *L)
{
  lua_settop(L, 1);
  const char *bytes;
  const lc_http_head *head = self_head(L, &bytes);
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(1));
  if (i >= head->count) return 0;
  lua_pushinteger(L, i + 1);
  lua_replace(L, lua_upvalueindex(1));
  http_push_span(L, bytes, &head->fields[i].name);
  http_push_span(L, bytes, &head->fields[i].value);
  return 2;
}

static int headers_pairs(lua_State *L)
{
  const char *bytes;
  self_head(L, &bytes);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, headers_next, 1);
  lua_pushvalue(L, 1);
  return 2;
}

/* The type's metatable lies at the top [-1, 0]. */
static void open_type(lua_State *L, runtime *rt)
{
  static const luaL_Reg methods[] = {{"all", headers_all}, {NULL, NULL}};
  lua_newtable(L);
  register_functions(L, rt, "headers:", methods);
  lua_pushcclosure(L, headers_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, headers_pairs);
  lua_setfield(L, -2, "__pairs");
  lua_pop(L, 1);
}

void http_open_headers(lua_State *L, runtime *rt)
{
  http_new_exchange_type(L, rt, &HTTP_HEADERS);
  open_type(L, rt);
  http_new_type(L, OWN_TYPE);
  open_type(L, rt);
}
