/* coverage_module.c - spec_coverage: which lines of lastcall's Lua modules a process has executed.
 *
 * Loaded by LUA_INIT into every Lua of a `make coverage`: a hook for lines, which coroutines
 * inherit. At the end of the process what was seen is appended to $LASTCALL_COVERAGE/lua.<pid>, a
 * line "file:line" each.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 128, LINES = 2048, NAME = 256 };

static struct file {
  char name[NAME];
  unsigned char seen[LINES];
} files[FILES];

int luaopen_spec_coverage(lua_State *L);

static struct file *find(const char *name)
{
  for (int i = 0; i < FILES; i++) {
    if (!files[i].name[0] && strlen(name) < NAME) strcpy(files[i].name, name);
    if (!strcmp(files[i].name, name)) return &files[i];
  }
  return NULL;
}

static void note(lua_State *L, lua_Debug *event)
{
  lua_getinfo(L, "S", event);
  const char *name = strstr(event->source, "lua/lastcall/");
  if (!name || event->currentline <= 0 || event->currentline >= LINES) return;
  struct file *file = find(name);
  if (file) file->seen[event->currentline] = 1;
}

static void tell(void)
{
  char path[NAME];
  const char *folder = getenv("LASTCALL_COVERAGE");
  if (!folder) return;
  snprintf(path, sizeof path, "%s/lua.%d", folder, (int)getpid());
  FILE *out = fopen(path, "a");
  if (!out) return;
  for (int i = 0; i < FILES && files[i].name[0]; i++)
    for (int line = 1; line < LINES; line++)
      if (files[i].seen[line]) fprintf(out, "%s:%d\n", files[i].name, line);
  fclose(out);
}

/* ------------------------------------------------- the methods of lastcall.socket -- */

/* They hide what they do from hooks: so the functions in them bring theirs along. Upvalue: the
 * function. */
static int covered_done(lua_State *L, int status, lua_KContext kept)
{
  (void)status;
  (void)kept;
  lua_sethook(L, NULL, 0, 0);
  return lua_gettop(L);
}

static int covered(lua_State *L)
{
  lua_sethook(L, note, LUA_MASKLINE, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, covered_done);
  return covered_done(L, LUA_OK, 0);
}

/* core.socket.method(function, name). Upvalue: the real one. */
static int method_of_covered(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, covered, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

/* In place of the searcher for C modules, its upvalue, which has found lastcall.core. Upvalue: its
 * loader. */
static int load_core(lua_State *L)
{
  int count = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, count, 1);
  lua_getfield(L, -1, "socket");
  lua_getfield(L, -1, "method");
  lua_pushcclosure(L, method_of_covered, 1);
  lua_setfield(L, -2, "method");
  lua_pop(L, 1);
  return 1;
}

static int search(lua_State *L)
{
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_call(L, 1, 2);
  if (strcmp(luaL_checkstring(L, 1), "lastcall.core") != 0 || !lua_isfunction(L, -2)) return 2;
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, load_core, 1);
  lua_replace(L, -3);
  return 2;
}

static void wrap_searcher(lua_State *L)
{
  enum { FOR_C_MODULES = 3 };
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_rawgeti(L, -1, FOR_C_MODULES);
  lua_pushcclosure(L, search, 1);
  lua_rawseti(L, -2, FOR_C_MODULES);
  lua_pop(L, 2);
}

int luaopen_spec_coverage(lua_State *L)
{
  static int registered;
  if (!registered) atexit(tell);
  registered = 1;
  wrap_searcher(L);
  lua_sethook(L, note, LUA_MASKLINE, 0);
  return 0;
}
