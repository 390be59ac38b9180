/* server/box.c - the object of a server, found and checked. */
#include "server/box.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/raise.h"
#include "script/register.h"

const char SERVER_TYPE[] = "lastcall.server";

server_box *server_check(lua_State *L, int index)
{
  server_box *box = luaL_testudata(L, index, SERVER_TYPE);
  if (!box)
    raise_error(L, "expected a server as self: call its methods with ':', as in server:shutdown()");
  runtime_check(L, box->server ? box->rt : NULL);
  return box;
}

void server_register(lua_State *L, runtime *rt, const luaL_Reg *methods, const luaL_Reg *functions)
{
  register_functions(L, rt, "server:", methods);
  lua_pushvalue(L, -2);
  register_functions(L, rt, "", functions);
  lua_pop(L, 1);
}
