/* http/object.c - the objects of an exchange: made, recognized, and refused when they are stale. */
#include "http/object.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "script/raise.h"
#include "script/register.h"

const char HTTP_REQUEST_TYPE[] = "lastcall.http.request";
const char HTTP_HEADERS_TYPE[] = "lastcall.http.headers";
const char HTTP_RESPONSE_TYPE[] = "lastcall.http.response";

void http_new_type(lua_State *L, const char *type)
{
  new_type(L, type);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, type);
}

http_object *http_object_new(lua_State *L, const char *type, conn_box *box, int index)
{
  index = lua_absindex(L, index);
  http_object *object = lua_newuserdatauv(L, sizeof *object, type == HTTP_RESPONSE_TYPE ? 3 : 2);
  *object = (http_object){
    .type = type, .exchange = box->exchange, .id = lc_http_exchange_id(box->exchange), .box = box};
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, HTTP_CONN);
  lua_rawgetp(L, LUA_REGISTRYINDEX, type);
  lua_setmetatable(L, -2);
  return object;
}

int http_is_over(const http_object *object)
{
  return object->exchange != object->box->exchange ||
         object->id != lc_http_exchange_id(object->exchange);
}

static const char *word_of(const char *type) { return strrchr(type, '.') + 1; }

/* Recognizes it by its contents, as conn_of_object does. */
http_object *http_self(lua_State *L, const char *type)
{
  http_object *object = lua_touserdata(L, 1);
  if (!object || lua_rawlen(L, 1) != sizeof *object || object->type != type)
    raise_error(L, "expected a %s as self: call its methods with ':', as in %s:method()",
                word_of(type), word_of(type));
  if (http_is_over(object))
    raise_error(L, "%s: the request is over, because its handler has returned", word_of(type));
  return object;
}

void http_push_span(lua_State *L, const char *bytes, const lc_http_span *span)
{
  lua_pushlstring(L, bytes + span->at, span->length);
}
