/* openssl_module.c - spec_openssl: an OpenSSL that lacks memory.
 *
 *   local openssl = require "spec_openssl"  -- before anything of OpenSSL is used
 *   openssl.fail(n, times)                  the n-th allocation from now on, and some after it
 *   openssl.none() -> made, live            how many there were since; how many are not freed
 */
#include <lauxlib.h>
#include <lua.h>
#include <openssl/crypto.h>
#include <stdlib.h>

int luaopen_spec_openssl(lua_State *L);

static lua_Integer made, first, last, live;

static int is_refused(void)
{
  made++;
  return first && made >= first && made <= last;
}

static void *allocate(size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  void *got = is_refused() ? NULL : malloc(size);
  if (got) live++;
  return got;
}

static void *reallocate(void *block, size_t size, const char *file, int line)
{
  (void)file;
  (void)line;
  void *got = is_refused() ? NULL : realloc(block, size);
  if (got && !block) live++;
  return got;
}

static void release(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  if (block) live--;
  free(block);
}

static int fail(lua_State *L)
{
  made = 0;
  first = luaL_checkinteger(L, 1);
  last = first + luaL_optinteger(L, 2, 1) - 1;
  return 0;
}

static int none(lua_State *L)
{
  first = last = 0;
  OPENSSL_thread_stop(); /* the texts of the last errors, which the thread keeps */
  lua_pushinteger(L, made);
  lua_pushinteger(L, live);
  made = 0;
  return 2;
}

int luaopen_spec_openssl(lua_State *L)
{
  static const luaL_Reg functions[] = {{"fail", fail}, {"none", none}, {NULL, NULL}};
  static int is_there; /* for another Lua state of this process */
  if (!is_there && !CRYPTO_set_mem_functions(allocate, reallocate, release))
    return luaL_error(L, "spec_openssl: OpenSSL has allocated already");
  is_there = 1;
  luaL_newlib(L, functions);
  return 1;
}
