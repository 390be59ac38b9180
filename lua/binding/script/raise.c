/* script/raise.c - errors for misuse, at the line of the script that made the mistake. */
#include "script/raise.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdarg.h>
#include <string.h>

static const char HOME_KEY = 0; /* how the sources of our own modules begin, in the registry */

static int is_ours(const lua_Debug *frame, const char *home, size_t length)
{
  return length && !strncmp(frame->source, home, length);
}

/* NULL and 0 before it is set [0, +1]. */
static const char *push_home(lua_State *L, size_t *length)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &HOME_KEY);
  return lua_tolstring(L, -1, length);
}

int raise_level(lua_State *L, int level)
{
  lua_Debug frame;
  size_t length = 0;
  const char *home = push_home(L, &length);
  for (; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "S", &frame);
    if (!is_ours(&frame, home, length)) break;
  }
  lua_pop(L, 1);
  return level;
}

int find_script_frame(lua_State *L, lua_State *co, int level, lua_Debug *frame)
{
  size_t length = 0;
  int is_found = 0;
  const char *home = push_home(L, &length);
  for (; !is_found && lua_getstack(co, level, frame); level++) {
    lua_getinfo(co, "Sl", frame);
    is_found = frame->currentline > 0 && !is_ours(frame, home, length);
  }
  lua_pop(L, 1);
  return is_found;
}

int push_script_place(lua_State *L, lua_State *co, int level)
{
  lua_Debug frame;
  if (!find_script_frame(L, co, level, &frame)) return 0;
  lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
  return 1;
}

/* Where a function of the script begins that has returned already: one for which a C function on
 * the stack stands, which has it as its first upvalue. Pushes "file:line", or nothing, and returns
 * whether it does [0, +(0|1)]. */
static int push_returned_place(lua_State *L)
{
  lua_Debug frame, of;
  size_t length;
  int top = lua_gettop(L);
  const char *home = push_home(L, &length);
  for (int level = 0; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sf", &frame);
    int is_wrapper = *frame.what == 'C' && lua_getupvalue(L, -1, 1) && lua_isfunction(L, -1) &&
                     !lua_iscfunction(L, -1);
    if (is_wrapper) lua_getinfo(L, ">S", &of); /* pops it */
    if (is_wrapper && !is_ours(&of, home, length)) {
      lua_settop(L, top);
      lua_pushfstring(L, "%s:%d", of.short_src, of.linedefined);
      return 1;
    }
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
  return 0;
}

/* Pushes "file:line: ", or "" if no script is on the stack [0, +1]. */
static void push_place(lua_State *L)
{
  if (!push_script_place(L, L, 1) && !push_returned_place(L)) {
    lua_pushliteral(L, "");
    return;
  }
  lua_pushliteral(L, ": ");
  lua_concat(L, 2);
}

void raise_error(lua_State *L, const char *format, ...)
{
  va_list arguments;
  luaL_checkstack(L, 8, NULL);
  push_place(L);
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  lua_concat(L, 2);
  for (;;)
    lua_error(L); /* runs once: lua_error does not return, but its declaration does not say so */
}

void raise_set_home(lua_State *L) { lua_rawsetp(L, LUA_REGISTRYINDEX, &HOME_KEY); }
