/* runtime/turn.c - the time that callbacks and tasks may take in a turn of the loop. */
#include "runtime/turn.h"

#include "runtime/runtime.h"

void turn_share_begin(runtime *rt, const char *kind)
{
  lc_loop_share(rt->loop, kind);
  rt->turn.is_over = 0;
}

int turn_piece_done(runtime *rt)
{
  rt->turn.is_over = lc_loop_share_is_over(rt->loop);
  return rt->turn.is_over;
}

int turn_callback_done(lua_State *L, runtime *rt, int anchor)
{
  rt->turn.called = L;
  rt->turn.anchor = anchor;
  turn_piece_done(rt);
  rt->turn.called = NULL;
  return rt->turn.is_over;
}

void turn_told(runtime *rt, uint64_t id) { lc_loop_told(rt->loop, id ? "task" : "callback", id); }
