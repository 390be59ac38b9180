/* task/wait.h - how tasks wait, and who is running. */
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
int task_yield(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
int task_return(lua_State *L, int status, lua_KContext kept); /* an `again` without results */
/* A terminal failure was handed to the script. */
void task_failed(task *t);
/* Suspends until task_wake; `unwait` is called when it is woken, whatever by. What kind of wait it is (at_rest,
 * is_wordless, is_kept) is set just before, and holds until the task is resumed. An object that is kept ends the wait
 * when it goes, or goes only after it. */
int task_suspend(lua_State *L, task *t, const char *waits_for, void *object,
                 void (*unwait)(task *t), lua_KContext kept, lua_KFunction again);
/* Whether to be canceled now cuts nothing: it waits for work. */
int task_is_at_rest(const task *t);
/* Whether to be killed now is no force: it has been told in a wait for work, and has not run since; or it waits in
 * what has no word for the end. */
int task_may_be_ended(const task *t);
/* Whether it has been told often enough: what would return at once takes a breath first. */
int task_is_deaf(const task *t);
lc_time task_breath(const runtime *rt); /* until then */
void task_wake(task *t, int code);
void tasks_wake(lc_link *waiting, int code); /* all that wait in a list */
/* Wakes it with LC_TIMEOUT at `at`. */
void task_alarm(task *t, lc_time at);
/* What keeps a wait on L, in that task, from suspending the whole task. */
int task_barrier(lua_State *L, const task *t);
void task_stop_waiting(task *t); /* for a task that is about to end */
/* Suspends a task that is to be killed, for good. */
int task_freeze(lua_State *L, task *t, lua_KContext kept, lua_KFunction again);
void task_due(lc_timer *timer, lc_time now); /* of a task's timer */

#endif
