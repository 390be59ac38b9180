/* conn/words.h - the words that a connection sends for itself or its server: farewells and
 * heartbeats. */
#ifndef LC_BINDING_CONN_WORDS_H
#define LC_BINDING_CONN_WORDS_H

#include <lua.h>

#include "conn/box.h"

/* The connection's own words, in the user value `own`, or else those of the server, the anchor
 * `otherwise`. A script function for them runs like a callback and may not wait. NULL when there
 * are none; otherwise they lie at the top of the stack. The box lies below, and must stay there
 * while the words are used. */
const char *conn_words(lua_State *L, conn_box *box, int own, int otherwise, const char *where,
                       size_t *length);
void conn_on_heartbeat(lc_conn *conn, runtime *rt);

#endif
