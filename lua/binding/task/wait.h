/* task/wait.h - how tasks wait, and which task is running. */
#ifndef LC_BINDING_TASK_WAIT_H
#define LC_BINDING_TASK_WAIT_H

#include <lua.h>

#include "task/task.h"

/* The task that runs on L; raises, naming `what`, when there is none or it cannot wait. */
task *task_current(lua_State *L, runtime *rt, const char *what);
/* The same, NULL where that one raises, and for a task that is being killed. */
task *task_that_can_wait(lua_State *L, const runtime *rt);
/* The same without raising: NULL. */
task *task_running(lua_State *L, const runtime *rt);
/* 0, or the code with which every wait of this task ends at once. */
int task_ended(const task *t);
/* Whether the task has had its share and must let others run: then `return task_yield(...)`. */
int task_is_spent(task *t);
int task_is_spent_writing(task *t); /* the same, with a look at the clock at some calls only */
int task_yield(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
/* The same in a call that has no result for the end: a task that ignores the end may be killed here
 * without force. */
int task_yield_wordless(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
int task_return(lua_State *L, int status, lua_KContext kept); /* an `again` without results */
/* The script got a terminal failure. */
void task_failed(task *t);
/* Suspends until task_wake; every wake-up calls `unwait`. The caller sets the kind of wait
 * (at_rest, is_wordless, is_kept) just before; it holds until the task is resumed. A kept object
 * ends the wait when it is collected, or is collected only after it. */
int task_suspend(lua_State *L, task *t, const char *waits_for, void *object,
                 void (*unwait)(task *t), lua_KContext kept, lua_KFunction again);
/* Whether a cancel now cuts nothing, because the task waits for work. */
int task_is_at_rest(const task *t);
/* Whether a kill now is no force: the task was canceled in a wait for work, and has not run since;
 * or it waits in a call that has no result for the end. */
int task_may_be_ended(const task *t);
/* Whether it has ignored enough refusals: a call that would return at once first pauses. */
int task_is_deaf(const task *t);
lc_time task_breath(const runtime *rt); /* until when it pauses */
void task_wake(task *t, int code);
void tasks_wake(lc_link *waiting, int code); /* all tasks that wait in a list */
/* Wakes it with LC_TIMEOUT at `at`. */
void task_alarm(task *t, lc_time at);
/* What prevents a wait on L, in that task, from suspending the whole task. */
int task_barrier(lua_State *L, const task *t);
void task_stop_waiting(task *t); /* for a task that is about to end */
/* Suspends a task that is to be killed, for good. */
int task_freeze(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
void task_due(lc_timer *timer, lc_time now); /* of a task's timer */

#endif
