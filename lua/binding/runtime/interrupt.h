/* runtime/interrupt.h - interrupting a script that holds the loop; see runtime/interrupt.c. */
#ifndef LC_BINDING_RUNTIME_INTERRUPT_H
#define LC_BINDING_RUNTIME_INTERRUPT_H

#include <lua.h>
#include <stdatomic.h>

#include "lastcall.h"

typedef struct runtime runtime;

/* A hook of the script's: a debugger, a profiler. */
typedef struct script_hook {
  lua_Hook function;
  int mask;
  int count;
} script_hook;

typedef struct interrupt {
  lua_Hook on_count;         /* watch/force.c: what is asked, and how a script is made to obey */
  lua_State *volatile armed; /* has our hook; NULL: none */
  script_hook before;        /* that it had before */
  lua_CFunction pcall;       /* Lua's own */
  lua_CFunction xpcall;
  lua_Alloc allocate; /* the state's, while ours is in its place; else NULL */
  void *allocate_user;
  unsigned raised; /* errors, in this piece of work */
  const lua_State *raised_in;
  lc_work work; /* what it was, while Lua collects garbage for us; else LC_WORK_NONE */
  int catcher;  /* how deep the function lies that catches the last one */
  lc_time grace_until;
  int noticed; /* this work has held the loop too long */
  atomic_int has_trace;
  char trace[2048];
  char source[LUA_IDSIZE]; /* where it was stuck */
  int line;                /* 0: not known */
} interrupt;

void interrupt_arm(runtime *rt); /* in a signal handler: the script is to be interrupted */
void interrupt_disarm(runtime *rt);
int interrupt_is_hidden(
  const runtime *rt); /* by a hook of the script's, in our place or under way */
void interrupt_leave(runtime *rt, const lua_State *co); /* it no longer runs: its hook goes */
/* Something of the script's is about to run on L; what the loop's thread was at. Afterwards
 * interrupt_work_done, then lc_loop_enter with what it was at. */
lc_work interrupt_enter(runtime *rt, lua_State *L, lc_work work);
int interrupt_work_done(runtime *rt); /* whether it has held the loop too long */
void interrupt_set_hook(lua_State *L, const runtime *rt); /* it is due at the next instruction */
/* Raises on L, the error for lack of memory: Lua calls no message handler for it. */
int interrupt_raise_past_handlers(lua_State *L, runtime *rt);
/* Takes the script's hook from L, while our code runs there, and gives it back. */
void interrupt_take_hook(lua_State *L, const runtime *rt, script_hook *taken);
void interrupt_give_hook(lua_State *L, runtime *rt, const script_hook *taken);

#endif
