/* runtime/turn.h - the time that callbacks and tasks may take in a turn of the loop. */
#ifndef LC_BINDING_RUNTIME_TURN_H
#define LC_BINDING_RUNTIME_TURN_H

#include <lua.h>
#include <stdint.h>

#include "lastcall.h"

typedef struct runtime runtime;

typedef struct turn_share {
  int is_over; /* the share's time is over: the rest is for the next turn */
  /* A callback has just been called: its function lies at the top of `called`, or is anchored;
   * NULL: none has. */
  lua_State *called;
  int anchor;
} turn_share;

/* A share of the turn's time begins. */
void turn_share_begin(runtime *rt, const char *kind);
/* An operation of a task, a resume, or a callback is done. Returns whether the share's time is
 * over. The callback's function lies at the top of L if `anchor` is LUA_NOREF. */
int turn_piece_done(runtime *rt);
int turn_callback_done(lua_State *L, runtime *rt, int anchor);
/* The work of this task, or of a callback (0), has a log message of its own already. */
void turn_told(runtime *rt, uint64_t id);

#endif
