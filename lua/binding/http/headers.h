/* http/headers.h - the fields of a head for scripts. */
#ifndef LC_BINDING_HTTP_HEADERS_H
#define LC_BINDING_HTTP_HEADERS_H

#include <lua.h>

#include "lastcall.h"

/* Pushes an object with the fields of a head that was read, and copies of its bytes: fields of one
 * name are found in any case of it [0, +1]. */
void http_push_headers(lua_State *L, const lc_http_head *head, const lc_slice *bytes);
/* Pushes a table of them: names in lower case, each with its one value [0, +1]. */
void http_push_fields(lua_State *L, const lc_http_head *head, const char *bytes);

#endif
