/* fuzz_options.c - option tables of any kind, by way of the binding. options.lua makes them of the
 * input, in one Lua state for all. */
#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static lua_State *L;
  if (!L) L = script_open("spec/fuzz/options.lua");
  script_run(L, data, size);
  return 0;
}
