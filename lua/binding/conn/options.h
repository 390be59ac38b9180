/* conn/options.h - what one connection goes by. */
#ifndef LC_BINDING_CONN_OPTIONS_H
#define LC_BINDING_CONN_OPTIONS_H

#include <lua.h>

#include "conn/box.h"

/* Brings it to new settings: pushes true, or nil, code, message; how many. */
int conn_apply(lua_State *L, conn_box *box, const lc_settings *settings, const char *operation);

#endif
