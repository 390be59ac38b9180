/* script.c - fuzz targets whose work is done by a Lua function of the input. */
#include "script.h"

#include <lualib.h>
#include <stdio.h>

int luaopen_lastcall_core(lua_State *L);

/* fuzz_close(fd): for the descriptors that conn:detach hands over. */
static int close_descriptor(lua_State *L)
{
  lua_pushboolean(L, close((int)luaL_checkinteger(L, 1)) == 0);
  return 1;
}

lua_State *script_open(const char *path)
{
  lua_State *L = luaL_newstate();
  MUST(L);
  luaL_openlibs(L);
  lua_register(L, "fuzz_close", close_descriptor);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_lastcall_core);
  lua_setfield(L, -2, "lastcall.core");
  if (luaL_dofile(L, path) == LUA_OK && lua_isfunction(L, -1)) return L;
  fprintf(stderr, "%s\n", lua_tostring(L, -1));
  abort();
}

lua_Integer script_run(lua_State *L, const uint8_t *data, size_t size)
{
  lua_pushvalue(L, -1);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  lua_Integer result = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return result;
}
