/* http/reply.h - what reading the head of a reply and its body share. */
#ifndef LC_BINDING_HTTP_REPLY_H
#define LC_BINDING_HTTP_REPLY_H

#include <lua.h>

#include "conn/box.h"

/* Pushes the reader of the body that follows the head [0, +1]. */
void http_push_reply_body(lua_State *L, const lc_http_head *head);
/* Pushes nil, code, message [0, +3]. For LC_HTTP_BAD the fault says why. */
void http_push_reply_failure(lua_State *L, conn_box *box, int code, int fault);

#endif
