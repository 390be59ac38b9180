/* coverage_module.c - spec_coverage: which lines of lastcall's Lua modules a process has executed.
 *
 * Loaded by LUA_INIT into every Lua of a `make coverage`: a hook for lines, which coroutines inherit. At the
 * end of the process what was seen is appended to $LASTCALL_COVERAGE/lua.<pid>, a line "file:line" each.
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

int luaopen_spec_coverage(lua_State *L)
{
  static int registered;
  if (!registered) atexit(tell);
  registered = 1;
  lua_sethook(L, note, LUA_MASKLINE, 0);
  return 0;
}
