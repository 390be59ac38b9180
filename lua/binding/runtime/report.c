/* runtime/report.c - passes log messages and errors to the functions for them. */
#include "runtime/report.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/callbacks.h"
#include "runtime/runtime.h"

static void tell(lua_State *L, runtime *rt, int anchor, const char *hook, int count)
{
  if (anchor == LUA_NOREF) {
    runtime_hook(L, rt, hook, count);
    return;
  }
  runtime_push_anchored(L, rt, anchor);
  lua_insert(L, -(count + 1));
  runtime_callback(L, rt, count);
}

void report_log(lua_State *L, runtime *rt, const reporters *own)
{
  tell(L, rt, own ? own->log : LUA_NOREF, "log", 3);
}

void report_error(lua_State *L, runtime *rt, const reporters *own)
{
  tell(L, rt, own ? own->on_error : LUA_NOREF, "on_error", 4);
}
