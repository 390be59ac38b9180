/* conn/writing.h - waiting until the kernel has taken everything written. */
#ifndef LC_BINDING_CONN_WRITING_H
#define LC_BINDING_CONN_WRITING_H

#include <lua.h>

#include "conn/box.h"

/* Suspends until the kernel has taken everything written; afterwards call conn_end_write. */
int conn_wait_flushed(lua_State *L, task *t, conn_box *box, const char *operation,
                      lua_KContext kept, lua_KFunction again);
/* The same while another task's write is half-way through: waits for its turn. */
int conn_wait_turn(lua_State *L, task *t, conn_box *box, const char *operation, lua_KContext kept,
                   lua_KFunction again);
/* Suspends in the middle of a write of which `done` bytes have been accepted. `again` gets `done`
 * as its context. */
int conn_wait_half_way(lua_State *L, task *t, conn_box *box, size_t done, lua_KFunction again);
int conn_can_wait(lua_State *L, const task *t);
/* Something other than the kernel ended the write, after `done` bytes had been accepted. */
void conn_give_up_write(conn_box *box, const task *t, int code, size_t done);
/* What a write that has failed returns: nil, code, message, `done`. */
int conn_write_failure(lua_State *L, conn_box *box, int code, size_t done);
/* Stack: the connection, and one string of which `done` bytes have been accepted: writes the
 * rest. */
int conn_write_rest(lua_State *L, size_t done);
/* Stack: the connection, strings. Writes them as a piece of the body of its HTTP reply, as
 * conn:write would. */
int conn_write_body(lua_State *L, conn_box *box);
int conn_flush(lua_State *L); /* the method */
void conn_end_write(conn_box *box, const task *t);
/* Whether another task's write is half-way through. */
int conn_is_being_written(const conn_box *box, const task *t);

#endif
