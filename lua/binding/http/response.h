/* http/response.h - what a handler returns becomes its response. */
#ifndef LC_BINDING_HTTP_RESPONSE_H
#define LC_BINDING_HTTP_RESPONSE_H

#include <lua.h>

#include "conn/box.h"

/* Stack: the response, or the connection where the handler took no response; what the handler has
 * returned. Ends the response, and may wait for that. Returns 1, with the function that gives the
 * pieces of the body at the top, if there is one: then the response has begun, and is not ended. */
int http_answer(lua_State *L, conn_box *box);

#endif
