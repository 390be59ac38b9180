/* conn/words.h - what a connection is told by itself or its server: farewells and heartbeats. */
#ifndef LC_BINDING_CONN_WORDS_H
#define LC_BINDING_CONN_WORDS_H

#include <lua.h>

#include "conn/box.h"

/* What it is to be told: its own words, in the user value `own`, or else those of the server, the anchor `otherwise`. A
 * function of the script's runs as a callback would and may not wait. NULL when there are none; else they
 * lie at the top of the stack. The box lies below, and is to be left there while it is used. */
const char *conn_words(lua_State *L, conn_box *box, int own, int otherwise, const char *where,
                       size_t *length);
void conn_on_heartbeat(lc_conn *conn, runtime *rt);

#endif
