/* runtime/report.c - passes log messages and errors to the functions for them. */
#include "runtime/report.h"

#include <lauxlib.h>
#include <lua.h>

#include "runtime/callbacks.h"
#include "runtime/runtime.h"

static void tell(lua_State *L, runtime *rt, int anchor, const char *hook)
{
  if (anchor == LUA_NOREF) {
    runtime_hook(L, rt, hook, 3);
    return;
  }
  runtime_push_anchored(L, rt, anchor);
  lua_insert(L, -4);
  runtime_callback(L, rt, 3);
}

void report_log(lua_State *L, runtime *rt, const reporters *own)
{
  tell(L, rt, own ? own->log : LUA_NOREF, "log");
}

void report_error(lua_State *L, runtime *rt, const reporters *own)
{
  tell(L, rt, own ? own->on_error : LUA_NOREF, "on_error");
}
