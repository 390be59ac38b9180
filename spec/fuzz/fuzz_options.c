/* fuzz_options.c - option tables of any kind, by way of the binding. options.lua makes them of the input. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

#include "fuzz.h"

int luaopen_lastcall_core(lua_State *L);

/* The function of options.lua, in a state that lives as long as the process. */
static lua_State *open_state(void)
{
  lua_State *L = luaL_newstate();
  MUST(L);
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_lastcall_core);
  lua_setfield(L, -2, "lastcall.core");
  if (luaL_dofile(L, "spec/fuzz/options.lua") == LUA_OK && lua_isfunction(L, -1)) return L;
  fprintf(stderr, "%s\n", lua_tostring(L, -1));
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static lua_State *L;
  if (!L) L = open_state();
  lua_pushvalue(L, -1);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  lua_gc(L, LUA_GCSTEP, 100);
  return 0;
}
