/* conn/staying.c - the objects of busy connections stay for their next units.
 *
 * To let an object go, and to find or make it for the next request, takes as long as a tenth of a
 * request. So it stays anchored until the connection has had no unit for half a second to a second.
 * As many objects as STAYING_MOST may stay: others go when their unit has ended.
 *
 * An object that goes, and that no script has seen, is spare: it serves the next connection that
 * has none. Otherwise each new connection would leave an object to the collector, as large as half
 * of what the core keeps of the connection.
 */
#include "conn/staying.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "conn/keeping.h"
#include "runtime/runtime.h"

#define LOOK_EVERY (LC_SECOND / 2)
enum { SPARE_MOST = 64 };

struct staying {
  lc_timer timer;
  runtime *rt;
  unsigned count;
  conn_box *boxes[STAYING_MOST];
  unsigned spare;
  conn_box *spares[SPARE_MOST]; /* only while some stay */
};

static void drop_spares(staying *all)
{
  while (all->spare) conn_unanchor(all->spares[--all->spare]);
}

static void leave(conn_box *box)
{
  staying *all = box->rt->conns->staying;
  if (!box->place) return;
  conn_box *last = all->boxes[--all->count];
  all->boxes[box->place - 1] = last;
  last->place = box->place;
  box->place = 0;
  if (all->count) return;
  lc_timer_clear(box->rt->loop, &all->timer);
  drop_spares(all);
}

static void let_go(staying *all, conn_box *box)
{
  int is_used = box->is_seen || box->is_findable || box->keeps || box->has_context;
  if (is_used || !all || !all->count || all->spare == SPARE_MOST) {
    conn_let_go(box);
    return;
  }
  conn_unbind(box);
  all->spares[all->spare++] = box;
}

conn_box *conn_take_spare(runtime *rt, lc_conn *conn, const server_base *server)
{
  staying *all = rt->conns->staying;
  while (all && all->spare) {
    conn_box *box = all->spares[--all->spare];
    if (box->of_server == server) {
      conn_bind(box, conn);
      return box;
    }
    conn_unanchor(box);
  }
  return NULL;
}

/* From the last to the first, because one that leaves gives its place to the last. */
static void look(lc_timer *timer, lc_time now)
{
  staying *all = LC_OWNER(timer, staying, timer);
  for (unsigned i = all->count; i-- > 0;) {
    conn_box *box = all->boxes[i];
    if (box->tasks || !box->is_unstarted) continue;
    int goes = !box->is_fresh;
    box->is_fresh = 0;
    if (!goes) continue;
    leave(box);
    let_go(all, box);
  }
  if (all->count) lc_timer_set(all->rt->loop, timer, lc_time_add(now, LOOK_EVERY));
}

static staying *make(runtime *rt)
{
  staying *all = calloc(1, sizeof *all);
  if (!all || lc_timer_open(rt->loop, &all->timer, look) < 0) {
    free(all);
    return NULL;
  }
  all->rt = rt;
  rt->conns->staying = all;
  return all;
}

static int stay(conn_box *box)
{
  runtime *rt = box->rt;
  staying *all = rt->conns->staying;
  box->is_fresh = 1;
  if (box->place) return 1;
  if (!all) all = make(rt);
  if (!all || all->count == STAYING_MOST) return 0;
  if (!all->count)
    lc_timer_set(rt->loop, &all->timer, lc_time_add(lc_loop_now(rt->loop), LOOK_EVERY));
  all->boxes[all->count++] = box;
  box->place = all->count & STAYING_MOST;
  return 1;
}

void conn_unanchor_when_over(conn_box *box)
{
  if (box->tasks || box->untold || box->is_detached || box->anchor == LUA_NOREF) return;
  int is_over = lc_conn_state(box->conn) == LC_STATE_CLOSED || !box->is_served;
  if (is_over) {
    leave(box);
    conn_unanchor(box);
  } else if (box->is_unstarted && !stay(box)) {
    let_go(box->rt->conns->staying, box);
  }
}

void conn_forget_staying(runtime *rt)
{
  staying *all = rt->conns->staying;
  if (!all) return;
  while (all->count) leave(all->boxes[all->count - 1]);
  lc_timer_close(rt->loop, &all->timer);
  free(all);
  rt->conns->staying = NULL;
}
