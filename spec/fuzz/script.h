/* script.h - fuzz targets whose work is done by a Lua function of the input. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <lauxlib.h>
#include <lua.h>

#include "fuzz.h"

/* A state with lastcall in it, and at its top the function that the file returns. */
lua_State *script_open(const char *path);
/* Calls it with the input; the integer it returned, or 0. What it raises is told, and a crash. */
lua_Integer script_run(lua_State *L, const uint8_t *data, size_t size);

#endif
