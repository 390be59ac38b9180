/* conn/starttls.h - transports of other modules, such as TLS. */
#ifndef LC_BINDING_CONN_STARTTLS_H
#define LC_BINDING_CONN_STARTTLS_H

#include <lua.h>

#include "lastcall.h"

/* The transport in the field `transport` of the table at `index`; NULL when there is none. The
 * table keeps it. Raises for one that was compiled for another version of lastcall. */
const lc_transport *option_transport(lua_State *L, int index);

#endif
