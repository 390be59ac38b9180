/* program.c - the program `lastcall` as a simulated process: a Lua state with the binding inside,
 * whose system calls are the simulated kernel's. host.lua has what a program finds in Lua's own
 * libraries.
 *
 * Each module is compiled once, and each state loads what was made of it.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "world.h"

int luaopen_lastcall_core(lua_State *L);

/* Lua's seeds of hashes and of random numbers come from it, and so does what os.date says. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's name is reserved */
time_t time(time_t *now)
{
  const time_t in_2026 = 1767225600;
  if (now) *now = in_2026;
  return in_2026;
}

/* -------------------------------------------------------------------- what is compiled -- */

enum { MODULES = 256 };

static struct {
  char *name; /* of the file */
  char *code;
  size_t size;
} compiled[MODULES];

static int append(lua_State *L, const void *piece, size_t size, void *user)
{
  size_t index = *(size_t *)user;
  (void)L;
  compiled[index].code = realloc(compiled[index].code, compiled[index].size + size);
  memcpy(compiled[index].code + compiled[index].size, piece, size);
  compiled[index].size += size;
  return 0;
}

/* Returns its place; MODULES: there is no such file, or it does not parse. */
static size_t compile(const char *name)
{
  size_t index = 0;
  while (index < MODULES && compiled[index].name && strcmp(compiled[index].name, name) != 0)
    index++;
  if (index == MODULES || compiled[index].name) return index;
  arena_end();
  lua_State *L = luaL_newstate();
  int is_well = luaL_loadfile(L, name) == LUA_OK;
  if (is_well) {
    compiled[index].name = strdup(name);
    lua_dump(L, append, &index, 0);
  }
  lua_close(L);
  arena_go_on();
  return is_well ? index : MODULES;
}

/* Pushes the function; or nothing, and returns 0. */
static int load(lua_State *L, const char *name)
{
  size_t index = compile(name);
  if (index == MODULES) return 0;
  if (luaL_loadbuffer(L, compiled[index].code, compiled[index].size, name) != LUA_OK) lua_error(L);
  return 1;
}

/* A searcher of `require`. */
static int search(lua_State *L)
{
  char name[128];
  const char *wanted = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
  snprintf(name, sizeof name, "lua/%s.lua", wanted);
  if (!load(L, name)) {
    snprintf(name, sizeof name, "lua/%s/init.lua", wanted);
    if (!load(L, name)) return 0;
  }
  lua_pushstring(L, name);
  return 2;
}

/* --------------------------------------------------------------- what host.lua is given -- */

static program *self(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

/* exit(status, closes the state) */
static int host_exit(lua_State *L)
{
  program *one = self(L);
  int status = (int)luaL_checkinteger(L, 1);
  if (lua_toboolean(L, 2)) lua_close(L);
  if (one == one->in->master) one->in->master_status = status;
  tell(one->in, "%d ends with status %d", sim_process_id(one->process), status);
  sim_process_exit(one->process, status);
  return 0;
}

static int host_say(lua_State *L)
{
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  const lc_sys *sys = sim_process_sys(self(L)->process);
  sys->say(sys, LC_STDERR, text, length, 0);
  return 0;
}

/* script(path) -> the script as it is on the disk: a function; its version, and what this build
 * does */
static int host_script(lua_State *L)
{
  world *in = self(L)->in;
  if (!load(L, "spec/sim/supervise/" SCRIPT)) return luaL_error(L, "no %s", SCRIPT);
  lua_pushinteger(L, in->version);
  lua_pushstring(L, build_name(in->builds[in->version]));
  return 3;
}

/* block(): the thread stands still, as in a call that never returns. */
static int host_block(lua_State *L)
{
  program *one = self(L);
  one->is_blocked = 1;
  for (;;) sim_pause(one->process, 3600 * LC_SECOND);
  return 0;
}

static const luaL_Reg HOST[] = {{"exit", host_exit},
                                {"say", host_say},
                                {"script", host_script},
                                {"block", host_block},
                                {NULL, NULL}};

/* ----------------------------------------------------------------------------- running -- */

static void push_host(lua_State *L, program *one)
{
  luaL_newlibtable(L, HOST);
  lua_pushlightuserdata(L, one);
  luaL_setfuncs(L, HOST, 1);
  lua_pushstring(L, one->line);
  lua_setfield(L, -2, "line");
  lua_pushboolean(L, one->in->is_rolling);
  lua_setfield(L, -2, "is_rolling");
  lua_newtable(L);
  for (int i = 0; one->argv[i]; i++) {
    lua_pushstring(L, one->argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setfield(L, -2, "arg");
}

static int begin(lua_State *L)
{
  program *one = lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_pushlightuserdata(L, (void *)(uintptr_t)sim_process_sys(one->process));
  lua_setfield(L, LUA_REGISTRYINDEX, "lastcall.sys");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_lastcall_core);
  lua_setfield(L, -2, "lastcall.core");
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, search);
  lua_rawseti(L, -2, 2);
  for (int i = 3; i <= 4; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  if (!load(L, "spec/sim/supervise/host.lua")) return luaL_error(L, "no host.lua");
  push_host(L, one);
  lua_call(L, 1, 0);
  return 0;
}

static void *allocate(void *user, void *memory, size_t old, size_t size)
{
  (void)user, (void)old;
  if (size) return realloc(memory, size);
  free(memory);
  return NULL;
}

static void run(void *user)
{
  program *one = user;
  lua_State *L = lua_newstate(allocate, NULL);
  lua_pushcfunction(L, begin);
  lua_pushlightuserdata(L, one);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) fail(one->in, "a program fails: %s", lua_tostring(L, -1));
  sim_process_exit(one->process, 1);
}

static char *copy(const char *text)
{
  size_t size = strlen(text) + 1;
  return memcpy(malloc(size), text, size);
}

static const char *line_in(const char *const *env)
{
  static const char NAME[] = "LASTCALL_WORKER=";
  for (int i = 0; env && env[i]; i++)
    if (!strncmp(env[i], NAME, sizeof NAME - 1)) return copy(env[i] + sizeof NAME - 1);
  return NULL;
}

int program_exec(void *user, sim_process *child, const lc_subprocess_options *options)
{
  world *in = user;
  size_t count = 0;
  while (options->argv[count]) count++;
  const char **argv = calloc(count + 1, sizeof *argv);
  for (size_t i = 0; i < count; i++) argv[i] = copy(options->argv[i]);
  program *one = calloc(1, sizeof *one);
  *one = (program){.in = in, .process = child, .argv = argv, .line = line_in(options->env)};
  one->next = in->programs;
  in->programs = one;
  if (!one->line) in->master = one;
  sim_process_cost(child, LC_MILLISECOND / 50);
  sim_process_run(child, run, one, arena_stack(), ARENA_STACK);
  tell(in, "%d starts: %s", sim_process_id(child), one->line ? one->line : "the master");
  return 0;
}
