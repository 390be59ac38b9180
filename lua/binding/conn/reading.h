/* conn/reading.h - waiting for input. */
#ifndef LC_BINDING_CONN_READING_H
#define LC_BINDING_CONN_READING_H

#include <lua.h>

#include "conn/box.h"

/* Suspends the one task that reads until input comes, the deadline passes, or the ladder cuts
 * it. */
int conn_wait_input(lua_State *L, task *t, conn_box *box, lc_time deadline, const char *operation,
                    lua_KContext kept, lua_KFunction again);
/* The same in a wait that tells the core more: for a line, or for the beginning of a unit. */
int conn_wait_for(lua_State *L, task *t, conn_box *box, lc_wait wait, lc_time deadline,
                  const char *operation, lua_KContext kept, lua_KFunction again);

/* The same for a message of a WebSocket. */
int conn_wait_message(lua_State *L, task *t, conn_box *box, lc_websocket *ws, const char *operation,
                      lua_KContext kept, lua_KFunction again);

/* What a read that has failed returns: nil, code, message, and the bytes that had come. */
int conn_read_failure(lua_State *L, conn_box *box, int code, const char *operation);

/* Raises if another task waits for input. `operation` is "conn:read" and the like. */
void conn_refuse_second_reader(lua_State *L, const conn_box *box, const task *t,
                               const char *operation);

#endif
