/* task/walk.h - a walk over all unfinished tasks that may take several turns, while tasks begin and
 * end. */
#ifndef LC_BINDING_TASK_WALK_H
#define LC_BINDING_TASK_WALK_H

#include "task/task.h"

void task_walk_begin(runtime *rt, task_walk *walk); /* anew, if it is under way */
int task_is_walking(const task_walk *walk);
task *task_walk_step(const runtime *rt, task_walk *walk); /* NULL at the end, which ends it */
void task_walk_end(task_walk *walk);
void task_leave_walks(task *t); /* it has finished */

#endif
