/* server/http.h - servers whose connections speak HTTP. */
#ifndef LC_BINDING_SERVER_HTTP_H
#define LC_BINDING_SERVER_HTTP_H

#include <lua.h>

#include "server/box.h"

/* Connections that are accepted from now on speak HTTP, by the options in the table at `index`. Raises when the server
 * has connections already. */
void server_speak_http(lua_State *L, server_box *box, int index);

#endif
