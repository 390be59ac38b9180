/* subprocess/renew.c - another program in the place of this one. */
#include <lauxlib.h>
#include <lua.h>

#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/register.h"
#include "subprocess/subprocess.h"
#include "sys/sys.h"

enum { ARGV = 1, ENV, FDS };

/* replace_program(argv, env, descriptors that stay open): nil, code, message, when the program
 * cannot be run. The program has to let signals in. */
static int core_replace_program(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  lua_settop(L, FDS);
  const char *const *argv = subprocess_strings(L, ARGV), *const *env = subprocess_strings(L, ENV);
  size_t count = lua_rawlen(L, FDS);
  int *fds = lua_newuserdatauv(L, (count + 1) * sizeof *fds, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, FDS, (lua_Integer)i + 1);
    fds[i] = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  return push_failure(L, sys->replace_program(sys, argv, env, fds, count), argv[0], "program");
}

static int core_let_signals_in(lua_State *L)
{
  const lc_sys *sys = runtime_upvalue(L)->sys;
  sys->let_signals_in(sys);
  return 0;
}

void renew_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"replace_program", core_replace_program},
                                       {"let_signals_in", core_let_signals_in},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
