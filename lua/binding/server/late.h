/* server/late.h - connections whose peer sent bytes that no handler got. */
#ifndef LC_BINDING_SERVER_LATE_H
#define LC_BINDING_SERVER_LATE_H

#include <lua.h>

#include "server/box.h"

void late_note(server_box *box, const lc_conn *conn); /* it has closed */
void late_push(lua_State *L, const server_box *box);  /* a list of {id, peer, bytes} [0, +1] */
void late_free(server_box *box);

#endif
