/* module/module.c - luaopen: one table of functions for the Lua modules. Not for scripts. */
#include <lauxlib.h>
#include <lua.h>

#include "conn/adopt.h"
#include "conn/connect.h"
#include "conn/methods.h"
#include "conn/sockopt.h"
#include "context/methods.h"
#include "context/process.h"
#include "http/methods.h"
#include "module/birth.h"
#include "process/process.h"
#include "runtime/descriptors.h"
#include "runtime/signals.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"
#include "server/methods.h"
#include "socket/functions.h"
#include "subprocess/subprocess.h"
#include "task/functions.h"
#include "wait/poll.h"
#include "wait/resolve.h"
#include "wait/spot.h"
#include "wait/work.h"
#include "watch/watch.h"

__attribute__((visibility("default"))) int luaopen_lastcall_core(lua_State *L);

/* raise_error(message) */
static int core_raise_error(lua_State *L) { raise_error(L, "%s", check_string(L, 1)); }

/* set_home(prefix): the prefix of the names of our modules' sources. */
static int core_set_home(lua_State *L)
{
  check_string(L, 1);
  lua_settop(L, 1);
  raise_set_home(L);
  return 0;
}

int luaopen_lastcall_core(lua_State *L)
{
  static const luaL_Reg functions[] = {
    {"raise_error", core_raise_error}, {"set_home", core_set_home}, {NULL, NULL}};
  luaL_checkversion(L);
  runtime *rt = runtime_make(L);
  lua_newtable(L);
  register_functions(L, rt, "", functions);
  context_open(L, rt);
  sleep_open(L, rt);
  task_open_handles(L, rt);
  process_open_tasks(L, rt);
  task_open_looking(L, rt);
  foreign_open(L, rt);
  coroutine_open(L, rt);
  force_open(L, rt);
  watchdog_open(L, rt);
  spot_open(L, rt);
  conn_open(L, rt);
  connect_open(L, rt);
  adopt_open(L, rt);
  resolve_open(L, rt);
  sockopt_open(L, rt);
  server_open(L, rt);
  http_open(L, rt);
  process_open(L, rt);
  subprocess_open(L, rt);
  renew_open(L, rt);
  environment_open(L, rt);
  folder_open(L, rt);
  process_open_aside(L, rt);
  line_open(L, rt);
  signals_open(L, rt);
  descriptors_open(L, rt);
  poll_open(L, rt);
  work_open(L, rt);
  socket_open(L, rt);
  context_open_process(L, rt);
  lua_pushliteral(L, LC_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}
