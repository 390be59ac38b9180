/* task/walk.c - a walk over all unfinished tasks that may take several turns, while tasks begin and
 * end. */
#include "task/walk.h"

#include "base/list.h"
#include "runtime/runtime.h"

void task_walk_begin(runtime *rt, task_walk *walk)
{
  task_walk_end(walk);
  lc_list_init(&walk->link);
  lc_list_append(&rt->tasks->walks, &walk->link);
  walk->next = rt->tasks->all.next;
}

int task_is_walking(const task_walk *walk) { return walk->next != NULL; }

task *task_walk_step(const runtime *rt, task_walk *walk)
{
  lc_link *at = walk->next;
  if (at == &rt->tasks->all) {
    task_walk_end(walk);
    return NULL;
  }
  walk->next = at->next;
  return LC_OWNER(at, task, in_tasks);
}

void task_walk_end(task_walk *walk)
{
  if (walk->next) lc_list_remove(&walk->link);
  walk->next = NULL;
}

void task_leave_walks(task *t)
{
  const lc_link *walks = &t->rt->tasks->walks;
  for (lc_link *link = walks->next; link != walks; link = link->next) {
    task_walk *walk = LC_OWNER(link, task_walk, link);
    if (walk->next == &t->in_tasks) walk->next = t->in_tasks.next;
  }
}
