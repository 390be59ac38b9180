/* faults_module.c - spec_faults: bad luck for a Lua state, its own or one made for the purpose.
 *
 *   local faults = require "spec_faults"     -- before lastcall: its loop runs on a faulty kernel
 *   faults.fail("accept", 2, 3, "EMFILE")    the second call from now on, and two more
 *   faults.speed(10)                         waits are over ten times as fast
 *   faults.time_of_day(1e9)                  it is, in seconds since 1970; 0: the real one
 *   faults.none(), faults.made("accept"), faults.failed("accept"), faults.open(), faults.calls
 *   faults.run(script [, refuse]) -> result  runs a script in a state of its own, with bad luck of
 *                                            its own, and closes it
 *
 * result: ok, message (of the error), open (descriptors left), strange (closed that were not open),
 * allocations, made (calls by name), both since faults.arm, which the script calls when it has
 * loaded what it needs; bytes, by the sizes that Lua tells, which the closed state has left. refuse
 * = {first, times}: which allocations after faults.arm Lua's allocator refuses.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

static const char FAULTS_KEY = 0;
static const char MEMORY_KEY = 0;

int luaopen_spec_faults(lua_State *L);

static faults *faults_of(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &FAULTS_KEY);
  faults *f = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return f;
}

/* ----------------------------------------------------------------- errors -- */

static const struct {
  const char *name;
  int code;
} ERRORS[] = {{"EMFILE", EMFILE},         {"ENFILE", ENFILE},
              {"ENOBUFS", ENOBUFS},       {"ETOOMANYREFS", ETOOMANYREFS},
              {"ENOMEM", ENOMEM},         {"ECONNABORTED", ECONNABORTED},
              {"EINTR", EINTR},           {"EAGAIN", EAGAIN},
              {"EPIPE", EPIPE},           {"EIO", EIO},
              {"EACCES", EACCES},         {"EPERM", EPERM},
              {"EADDRINUSE", EADDRINUSE}, {"ECONNRESET", ECONNRESET},
              {"ENOSPC", ENOSPC},         {"ENOTCONN", ENOTCONN},
              {"ENOENT", ENOENT},         {"ENOSYS", ENOSYS},
              {"EINVAL", EINVAL}};

static int check_error(lua_State *L, int index)
{
  const char *name = luaL_checkstring(L, index);
  for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++)
    if (!strcmp(ERRORS[i].name, name)) return -ERRORS[i].code;
  return luaL_error(L, "spec_faults knows no error '%s'", name);
}

static fault_call check_call(lua_State *L, int index)
{
  const char *name = luaL_checkstring(L, index);
  fault_call call = fault_named(name);
  if (call == FAULT_CALLS) luaL_error(L, "spec_faults knows no call '%s'", name);
  return call;
}

/* -------------------------------------------------------------- functions -- */

static int fail(lua_State *L)
{
  fault_call call = check_call(L, 1);
  unsigned nth = (unsigned)luaL_checkinteger(L, 2), times = (unsigned)luaL_checkinteger(L, 3);
  faults_fail(faults_of(L), call, nth, times, check_error(L, 4));
  return 0;
}

static int none(lua_State *L)
{
  faults_none(faults_of(L));
  return 0;
}

static int made(lua_State *L)
{
  lua_pushinteger(L, atomic_load(&faults_of(L)->of[check_call(L, 1)].made));
  return 1;
}

static int failed(lua_State *L)
{
  lua_pushinteger(L, faults_of(L)->of[check_call(L, 1)].failed);
  return 1;
}

static int open_now(lua_State *L)
{
  lua_pushinteger(L, faults_of(L)->open);
  return 1;
}

static int speed(lua_State *L)
{
  faults_of(L)->speed = (int)luaL_checkinteger(L, 1);
  return 0;
}

static int time_of_day(lua_State *L)
{
  faults_of(L)->time_of_day = lc_seconds(luaL_checknumber(L, 1));
  return 0;
}

/* -------------------------------------------------- a state for the purpose -- */

typedef struct memory {
  int is_armed;
  lua_Integer bytes;
  lua_Integer made;
  lua_Integer first; /* 0: none is refused */
  lua_Integer last;
  unsigned calls_before[FAULT_CALLS];
} memory;

static void *allocate(void *user, void *block, size_t old, size_t size)
{
  memory *m = user;
  if (!size) {
    if (block) m->bytes -= (lua_Integer)old;
    free(block);
    return NULL;
  }
  if (m->is_armed && (!block || size > old)) { /* Lua relies on shrinking */
    lua_Integer number = ++m->made;
    if (m->first && number >= m->first && number <= m->last) return NULL;
  }
  void *got = realloc(block, size);
  if (got) m->bytes += (lua_Integer)size - (block ? (lua_Integer)old : 0);
  return got;
}

static int arm(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &MEMORY_KEY);
  memory *m = lua_touserdata(L, -1);
  if (!m) return luaL_error(L, "faults.arm is for scripts run by faults.run");
  m->is_armed = 1;
  faults *f = faults_of(L);
  for (int i = 0; i < FAULT_CALLS; i++) m->calls_before[i] = atomic_load(&f->of[i].made);
  return 0;
}

typedef struct life {
  memory memory;
  faults faults;
  const char *script;
} life;

static int live(lua_State *L)
{
  life *one = lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_pushlightuserdata(L, &one->memory);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &MEMORY_KEY);
  lua_pushlightuserdata(L, &one->faults);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &FAULTS_KEY);
  luaL_requiref(L, "spec_faults", luaopen_spec_faults, 0);
  lua_pop(L, 1);
  if (luaL_loadstring(L, one->script) != LUA_OK) return lua_error(L);
  lua_call(L, 0, 0);
  return 0;
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* The result's message is copied between the two states by way of the C stack alone: the inner one
 * may be out of memory, and is closed before the outer one is asked for any. */
static int run(lua_State *L)
{
  char message[512] = "";
  life *one = lua_newuserdatauv(L, sizeof *one, 0);
  memset(&one->memory, 0, sizeof one->memory);
  one->script = luaL_checkstring(L, 1);
  if (lua_istable(L, 2)) {
    lua_geti(L, 2, 1);
    lua_geti(L, 2, 2);
    one->memory.first = luaL_checkinteger(L, -2);
    lua_Integer times = luaL_optinteger(L, -1, 1);
    one->memory.last =
      times > LUA_MAXINTEGER - one->memory.first ? LUA_MAXINTEGER : one->memory.first + times - 1;
    lua_pop(L, 2);
  }
  faults_init(&one->faults);
  lua_State *inner = lua_newstate(allocate, &one->memory);
  if (!inner) return luaL_error(L, "no memory for a state");
  lua_pushcfunction(inner, live);
  lua_pushlightuserdata(inner, one);
  int status = lua_pcall(inner, 1, 0, 0);
  if (status != LUA_OK) {
    const char *said = lua_tostring(inner, -1);
    strncat(message, said ? said : "not a string", sizeof message - 1);
  }
  lua_close(inner);
  lua_newtable(L);
  lua_pushboolean(L, status == LUA_OK);
  lua_setfield(L, -2, "ok");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  set_integer(L, "open", one->faults.open);
  set_integer(L, "strange", one->faults.strange);
  set_integer(L, "allocations", one->memory.made);
  set_integer(L, "bytes", one->memory.bytes);
  lua_createtable(L, 0, FAULT_CALLS);
  for (int i = 0; i < FAULT_CALLS; i++)
    set_integer(L, fault_name((fault_call)i),
                (lua_Integer)atomic_load(&one->faults.of[i].made) - one->memory.calls_before[i]);
  lua_setfield(L, -2, "made");
  return 1;
}

static const luaL_Reg FUNCTIONS[] = {
  {"fail", fail},     {"none", none},     {"made", made},
  {"failed", failed}, {"open", open_now}, {"speed", speed},
  {"arm", arm},       {"run", run},       {"time_of_day", time_of_day},
  {NULL, NULL}};

int luaopen_spec_faults(lua_State *L)
{
  if (!faults_of(L)) { /* freed with the state, after every finalizer has run */
    faults_init(lua_newuserdatauv(L, sizeof(faults), 0));
    lua_rawsetp(L, LUA_REGISTRYINDEX, &FAULTS_KEY);
  }
  lua_pushlightuserdata(L, &faults_of(L)->sys);
  lua_setfield(L, LUA_REGISTRYINDEX, "lastcall.sys");
  luaL_newlib(L, FUNCTIONS);
  lua_createtable(L, FAULT_CALLS, 0);
  for (int i = 0; i < FAULT_CALLS; i++) {
    lua_pushstring(L, fault_name((fault_call)i));
    lua_seti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "calls");
  return 1;
}
