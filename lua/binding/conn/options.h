/* conn/options.h - the options of one connection. */
#ifndef LC_BINDING_CONN_OPTIONS_H
#define LC_BINDING_CONN_OPTIONS_H

#include <lua.h>

#include "conn/box.h"

/* Applies new settings to the connection. Pushes true, or nil, code, message; returns how many values. */
int conn_apply(lua_State *L, conn_box *box, const lc_settings *settings, const char *operation);

#endif
