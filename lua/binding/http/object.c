/* http/object.c - the objects of an exchange: made, recognized, and refused when they are stale. */
#include "http/object.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "runtime/runtime.h"
#include "script/raise.h"
#include "script/register.h"

const http_type HTTP_REQUEST = {"lastcall.http.request", 2, 0};
const http_type HTTP_HEADERS = {"lastcall.http.headers", 1, 1};
const http_type HTTP_RESPONSE = {"lastcall.http.response", 3, 2};

void http_new_type(lua_State *L, const char *type)
{
  new_type(L, type);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, type);
}

void http_new_exchange_type(lua_State *L, runtime *rt, const http_type *type)
{
  new_type(L, type->name);
  lua_pushvalue(L, -1);
  rt->conns->of_exchanges[type->place] = luaL_ref(L, LUA_REGISTRYINDEX);
}

void http_set_index(lua_State *L, lua_CFunction index, const char *methods, const void *properties,
                    size_t size, size_t count)
{
  const char *at = properties;
  for (size_t i = 0; i < count; i++, at += size) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)at);
    lua_setfield(L, -2, *(const char *const *)(const void *)at);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, methods);
  lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
}

http_object *http_object_new(lua_State *L, const http_type *type, conn_box *box, int index)
{
  index = lua_absindex(L, index);
  http_object *object = lua_newuserdatauv(L, sizeof *object, type->values);
  *object = (http_object){
    .type = type, .exchange = box->exchange, .id = lc_http_exchange_id(box->exchange), .box = box};
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, HTTP_OF_CONN);
  lua_rawgeti(L, LUA_REGISTRYINDEX, box->rt->conns->of_exchanges[type->place]);
  lua_setmetatable(L, -2);
  return object;
}

int http_is_over(const http_object *object)
{
  return object->exchange != object->box->exchange ||
         object->id != lc_http_exchange_id(object->exchange);
}

static const char *word_of(const http_type *type) { return strrchr(type->name, '.') + 1; }

/* Recognizes it by its contents, as conn_of_object does. */
http_object *http_check(lua_State *L, void *userdata, size_t size, const http_type *type)
{
  http_object *object = userdata;
  if (!object || size != sizeof *object || object->type != type)
    raise_error(L, "expected a %s as self: call its methods with ':', as in %s:method()",
                word_of(type), word_of(type));
  if (http_is_over(object))
    raise_error(L, "%s: the request is over, because its handler has returned", word_of(type));
  return object;
}

http_object *http_self(lua_State *L, const http_type *type)
{
  void *userdata = lua_touserdata(L, 1);
  return http_check(L, userdata, userdata ? lua_rawlen(L, 1) : 0, type);
}

void http_push_span(lua_State *L, const char *bytes, const lc_http_span *span)
{
  lua_pushlstring(L, bytes + span->at, span->length);
}
