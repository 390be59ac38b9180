/* runtime/interrupt.h - interrupts a script that holds the loop; see runtime/interrupt.c. */
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
  lua_Hook on_count;         /* watch/force.c: finds what is asked, and makes the script obey */
  lua_State *volatile armed; /* the coroutine with our hook, or NULL */
  script_hook before;        /* the hook that it had before */
  lua_CFunction pcall;       /* Lua's own */
  lua_CFunction xpcall;
  lua_Alloc allocate; /* the state's, while ours is in its place; else NULL */
  void *allocate_user;
  unsigned raised; /* errors, in this piece of work */
  const lua_State *raised_in;
  lc_work work; /* the work under way, while Lua collects garbage for us; else LC_WORK_NONE */
  int catcher;  /* the depth of the function that catches the last error */
  lc_time grace_until; /* in the work time of the loop's thread */
  int noticed;         /* the current work has held the loop too long */
  atomic_int has_trace;
  char trace[2048];
  char source[LUA_IDSIZE]; /* where it was stuck */
  int line;                /* 0: not known */
} interrupt;

void interrupt_arm(runtime *rt); /* called in a signal handler: interrupts the script */
void interrupt_disarm(runtime *rt);
int interrupt_is_hidden(
  const runtime *rt); /* by a hook of the script's, in our place or under way */
void interrupt_leave(runtime *rt, const lua_State *co); /* it no longer runs: removes its hook */
/* Script code is about to run on L. Returns the work before. Afterwards call interrupt_work_done,
 * then lc_loop_enter with that work. */
lc_work interrupt_enter(runtime *rt, lua_State *L, lc_work work);
int interrupt_work_done(runtime *rt); /* whether it has held the loop too long */
void interrupt_set_hook(lua_State *L,
                        const runtime *rt); /* the hook is due at the next instruction */
/* Raises the error for lack of memory on L: Lua calls no message handler for it. */
int interrupt_raise_past_handlers(lua_State *L, runtime *rt);
/* Takes the script's hook from L, while our code runs there, and gives it back. */
void interrupt_take_hook(lua_State *L, const runtime *rt, script_hook *taken);
void interrupt_give_hook(lua_State *L, runtime *rt, const script_hook *taken);

#endif
