/* runtime/descriptors.c - the limit of descriptors, raised for the time of a run.
 *
 * The whole process has one limit: the first run raises it, the last restores it. Programs that use
 * select() fail with descriptors over 1,023, so a child process gets the old limit.
 */
#include "runtime/descriptors.h"

#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <sys/resource.h>

#include "runtime/runtime.h"
#include "script/register.h"

#define HIGHEST ((rlim_t)1048576)

static struct {
  pthread_mutex_t lock;
  int is_registered; /* in_child */
  int users;
  rlim_t before;
} raised = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int set_soft(rlim_t soft)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
  limit.rlim_cur = soft;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void in_child(void)
{
  if (raised.users) set_soft(raised.before);
}

/* Whether a run has raised the limit. */
static int raise_limit(void)
{
  struct rlimit limit;
  int fine = raised.is_registered || pthread_atfork(NULL, NULL, in_child) == 0;
  if (!fine) return 0;
  raised.is_registered = 1;
  if (raised.users) return 1;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
  rlim_t wanted = limit.rlim_max < HIGHEST ? limit.rlim_max : HIGHEST;
  if (limit.rlim_cur >= wanted || !set_soft(wanted)) return 0;
  raised.before = limit.rlim_cur;
  return 1;
}

/* raise_descriptors() -> the limit before; nil if it could not be raised, or need not be. */
static int core_raise(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  pthread_mutex_lock(&raised.lock);
  if (!rt->has_raised && raise_limit()) {
    rt->has_raised = 1;
    raised.users++;
  }
  pthread_mutex_unlock(&raised.lock);
  if (!rt->has_raised) return 0;
  lua_pushinteger(L, (lua_Integer)raised.before);
  return 1;
}

void descriptors_put_back(runtime *rt)
{
  if (!rt->has_raised) return;
  rt->has_raised = 0;
  pthread_mutex_lock(&raised.lock);
  if (--raised.users == 0) set_soft(raised.before); /* descriptors over it stay open */
  pthread_mutex_unlock(&raised.lock);
}

int descriptors_before(void)
{
  pthread_mutex_lock(&raised.lock);
  rlim_t before = raised.users ? raised.before : 0;
  pthread_mutex_unlock(&raised.lock);
  return (int)before; /* at most HIGHEST, for it could be raised */
}

static int core_put_back(lua_State *L)
{
  descriptors_put_back(runtime_upvalue(L));
  return 0;
}

void descriptors_open(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {
    {"raise_descriptors", core_raise}, {"put_back_descriptors", core_put_back}, {NULL, NULL}};
  register_functions(L, rt, "", functions);
}
