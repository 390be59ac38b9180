/* fuzz_api.c - stories of calls of the whole API: api.lua makes them of the input, each in a Lua
 * state of its own, which is closed at its end. */
#include "script.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const lc_sys *sys = lc_sys_linux();
  int before = sys->descriptors_open(sys);
  lua_State *L = script_open("spec/fuzz/api.lua");
  script_run(L, data, size);
  lua_close(L);
  MUST(sys->descriptors_open(sys) == before);
  return 0;
}
