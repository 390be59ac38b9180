/* conn/writing.h - waiting until the kernel has taken everything written. */
#ifndef LC_BINDING_CONN_WRITING_H
#define LC_BINDING_CONN_WRITING_H

#include <lua.h>

#include "conn/box.h"

/* Suspends until the kernel has taken everything written; afterwards call conn_end_write. */
int conn_wait_flushed(lua_State *L, task *t, conn_box *box, const char *operation,
                      lua_KContext kept, lua_KFunction again);
void conn_end_write(conn_box *box, const task *t);
/* Whether another task's write is half-way through. */
int conn_is_being_written(const conn_box *box, const task *t);

#endif
