/* names_module.c - spec_names: what the system's resolver answers, in a process that preloads it.
 *
 * "silent..." is not answered before names.answer(); "127.0.0.2,127.0.0.3,==1" has these addresses,
 * in this order, with "=" for ":". Other names go to libc.
 *
 *   local names = require "spec_names"
 *   names.run(script)    in a Lua state of its own, which is closed; an error's message, or nil
 *   names.answer()       all silent names fail; returns when the threads that asked have gone
 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int luaopen_spec_names(lua_State *L);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_answering;

static int is_silent(const char *name) { return name && !strncmp(name, "silent", 6); }

static void wait_for_the_answer(void)
{
  pthread_mutex_lock(&lock);
  while (!is_answering) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

typedef int (*getaddrinfo_function)(const char *, const char *, const struct addrinfo *,
                                    struct addrinfo **);

static int ask_libc(const char *host, const char *service, const struct addrinfo *hints,
                    struct addrinfo **found)
{
  getaddrinfo_function libc;
  *(void **)&libc = dlsym(RTLD_NEXT, "getaddrinfo");
  return libc(host, service, hints, found);
}

static int ask_each(const char *list, const char *service, const struct addrinfo *hints,
                    struct addrinfo **found)
{
  char text[NI_MAXHOST], *rest = text;
  int failure = 0;
  strncpy(text, list, sizeof text - 1);
  text[sizeof text - 1] = 0;
  for (char *c = text; *c; c++)
    if (*c == '=') *c = ':';
  for (char *one; !failure && (one = strsep(&rest, ","));) {
    failure = ask_libc(one, service, hints, found);
    while (!failure && *found) found = &(*found)->ai_next;
  }
  return failure;
}

/* The names of the parameters in libc's headers are reserved for it. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
  if (is_silent(host)) {
    wait_for_the_answer();
    return EAI_AGAIN;
  }
  if (host && strchr(host, ',')) return ask_each(host, service, hints, found);
  return ask_libc(host, service, hints, found);
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size,
                    struct hostent **result, int *reason)
{
  int (*libc)(const char *, struct hostent *, char *, size_t, struct hostent **, int *);
  if (is_silent(name)) {
    wait_for_the_answer();
    *result = NULL;
    *reason = TRY_AGAIN;
    return 0;
  }
  *(void **)&libc = dlsym(RTLD_NEXT, "gethostbyname_r");
  return libc(name, entry, buffer, size, result, reason);
}

static int names_run(lua_State *L)
{
  lua_State *other = luaL_newstate();
  luaL_openlibs(other);
  lua_pushnil(L);
  if (luaL_dostring(other, luaL_checkstring(L, 1)))
    lua_pushstring(L, luaL_tolstring(other, -1, NULL));
  lua_close(other);
  return 1;
}

static int threads(void)
{
  struct stat status; /* a folder has a link for each folder in it, itself and its parent */
  return stat("/proc/self/task", &status) == 0 ? (int)status.st_nlink - 2 : 0;
}

static int names_answer(lua_State *L)
{
  pthread_mutex_lock(&lock);
  is_answering = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  for (int i = 0; i < 10000 && threads() > 1; i++) usleep(1000);
  lua_pushinteger(L, threads());
  return 1;
}

int luaopen_spec_names(lua_State *L)
{
  static const luaL_Reg functions[] = {{"run", names_run}, {"answer", names_answer}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
