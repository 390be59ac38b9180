/* frames_module.c - spec_frames: the protocol of the C tests that knows its units, for servers in
 * Lua.
 *
 *   local frames = require "spec_frames"
 *   frames.protocol                    what core.new_server takes as `protocol`
 *   frames.begun(), frames.ended()     how many states of connections it has made, and freed
 *
 * The functions it calls come from a copy of the library.
 */
#include <lauxlib.h>
#include <lua.h>

#include "frame_protocol.h"

int luaopen_spec_frames(lua_State *L);

static int begun(lua_State *L)
{
  lua_pushinteger(L, frames.begun);
  return 1;
}

static int ended(lua_State *L)
{
  lua_pushinteger(L, frames.ended);
  return 1;
}

int luaopen_spec_frames(lua_State *L)
{
  static const luaL_Reg functions[] = {{"begun", begun}, {"ended", ended}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&frame_protocol);
  lua_setfield(L, -2, "protocol");
  return 1;
}
