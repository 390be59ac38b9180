/* server/facts.h - the numbers of a server's report. */
#ifndef LC_BINDING_SERVER_FACTS_H
#define LC_BINDING_SERVER_FACTS_H

#include <lua.h>

/* The numbers of its report, as a table. */
int server_facts(lua_State *L);
/* How many bytes have moved, by the connections that have ended and some of the others. */
int server_moved(lua_State *L);

#endif
