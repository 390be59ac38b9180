/* server/by_hand.c - servers from which only LuaSocket's accept takes clients. */
#include "server/by_hand.h"

#include "base/list.h"
#include "conn/detach.h"
#include "runtime/runtime.h"
#include "task/wait.h"
#include "wait/selecting.h"

static server_box *box_of(lc_link *link) { return LC_OWNER(link, server_box, in_by_hand); }

void by_hand_add(server_box *box)
{
  if (box->is_by_hand || box->is_done) return;
  box->is_by_hand = 1;
  box->rt->servers->live--;
  lc_list_append(&box->rt->servers->by_hand, &box->in_by_hand);
}

void by_hand_remove(server_box *box)
{
  if (box->is_by_hand) lc_list_remove(&box->in_by_hand);
}

/* Whether the script can serve clients of the server, or will be able to. Once the server has a
 * handler, its clients have tasks of their own. */
static int has_clients(const server_box *box)
{
  const lc_server *server = box->server;
  if (box->handler != LUA_NOREF || lc_server_step(server) >= LC_STEP_CANCEL) return 0;
  if (lc_server_is_listening(server)) return 1;
  for (int state = LC_STATE_NEW; state < LC_STATE_CLOSING; state++)
    if (lc_server_count(server, (lc_state)state)) return 1;
  return 0;
}

int by_hand_is_over(const runtime *rt)
{
  lc_link *all = &rt->servers->by_hand;
  for (lc_link *link = all->next; link != all; link = link->next)
    if (has_clients(box_of(link))) return 0;
  return 1;
}

static int is_settling(const lc_server *server)
{
  return lc_server_is_leaving(server) && lc_server_is_listening(server);
}

/* A listener that the ladder stops settles first: perhaps there is no client to be lost. */
void by_hand_desert(server_box *box)
{
  box->is_deserted = 1;
  if (!is_settling(box->server)) lc_server_retire(box->server);
}

static void abandon(server_box *box)
{
  if (box->handler != LUA_NOREF) return;
  by_hand_desert(box);
  for (lc_conn *conn = NULL; (conn = lc_server_next(box->server, conn));) {
    conn_box *of = lc_conn_user(conn);
    if (!of || of->tasks) continue;
    lc_conn_finish(conn, "abandoned");
    conn_forget_detached(box->rt->L, of);
  }
}

void by_hand_abandon(const runtime *rt)
{
  lc_link *all = &rt->servers->by_hand;
  for (lc_link *link = all->next; link != all; link = link->next) abandon(box_of(link));
}

void by_hand_changed(const server_box *box)
{
  runtime *rt = box->rt;
  lc_link *all = &rt->servers->by_hand;
  if (box->is_deserted && !is_settling(box->server)) lc_server_retire(box->server);
  if (!box->is_by_hand || !by_hand_is_over(rt)) return;
  for (lc_link *link = all->next; link != all; link = link->next)
    tasks_wake(&box_of(link)->acceptors, 0);
  select_look_again(rt);
}
