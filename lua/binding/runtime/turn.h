/* runtime/turn.h - what callbacks and tasks may take of a turn of the loop. */
#ifndef LC_BINDING_RUNTIME_TURN_H
#define LC_BINDING_RUNTIME_TURN_H

#include <lua.h>
#include <stdint.h>

#include "lastcall.h"

typedef struct runtime runtime;

typedef struct turn_share {
  int is_over; /* its time: what is left is for the next turn */
  /* A callback has just been called: its function lies at the top of `called`, or is anchored; NULL: none has. */
  lua_State *called;
  int anchor;
} turn_share;

/* A share of the turn's time begins. */
void turn_share_begin(runtime *rt, const char *kind);
/* An operation of a task, a resume, or a callback is done: whether the share's time is over. The callback's function
 * lies at the top of L, unless `anchor` is another than LUA_NOREF. */
int turn_piece_done(runtime *rt);
int turn_callback_done(lua_State *L, runtime *rt, int anchor);
/* This task's work, or a callback's (0), has been told of by itself. */
void turn_told(runtime *rt, uint64_t id);

#endif
