/* check_shaking.c - handshakes: no handler before they are done, no more at once than allowed, each in its time, and none
 * forgotten. And what is not the application's is left out of the truth. */
#include "run.h"

#define FORGOTTEN (100 * LC_MILLISECOND)

static lc_time slack(const run *in) { return FORGOTTEN + 2000 * in->plan->cost; }

unsigned check_handshakes(const run *in)
{
  unsigned count = 0;
  for (const shake *one = in->shaking.first; one; one = one->next) count += !one->is_done;
  return count;
}

/* During a stop the limit does not hold: clients in the queue are to be served. */
void check_shake_begins(run *in)
{
  unsigned count = check_handshakes(in), most = in->plan->server.max_handshakes;
  if (!in->stop_at && !in->unlistened_at && most && count > most)
    run_fail(in, "%u handshakes are under way at once, %u may be", count, most);
}

static const shake *shake_of(const handler *h)
{
  void *state;
  if (!h->in->plan->shakes || lc_conn_fd(h->conn) < 0) return NULL;
  lc_conn_transport(h->conn, &state);
  return state;
}

/* A client that is accepted by hand is handed out at once, and its first read waits for the handshake. */
void check_shaken(const handler *h)
{
  const shake *one = shake_of(h);
  if (!h->in->plan->shakes || h->in->plan->by_hand) return;
  if (!one || !one->is_done)
    run_fail(h->in, "handler %u begins, and the handshake is not over", h->client->index);
}

int check_is_shaking(const handler *h)
{
  const shake *one = shake_of(h);
  return h->in->plan->shakes && h->state < LC_STATE_CLOSING && !(one && one->is_done);
}

int check_keeps_ticket(const handler *h)
{
  const shake *one = shake_of(h);
  return one && one->said < one->may_say;
}

/* What it waits for has come, and nobody has tried. */
static int is_stuck(const run *in, const shake *one)
{
  sim_truth truth;
  if (one->fd < 0) return 0;
  sim_truth_of(in->process, one->fd, &truth);
  uint32_t awaited = one->is_blocked ? LC_POLL_OUT : LC_POLL_IN | LC_POLL_FINISHED;
  return !truth.is_told && truth.is_ready & (awaited | LC_POLL_ERROR | LC_POLL_HANG_UP);
}

static void check_one(run *in, shake *one)
{
  lc_time now = sim_now(in->kernel);
  if (now > lc_time_add(one->since, in->plan->server.settings.handshake_timeout + slack(in)))
    run_fail(in, "a handshake goes on for %.3f s", lc_to_seconds(now - one->since));
  unsigned failed = sim_process_failed(in->process);
  int is_tried = failed != one->failed_by_then;
  one->failed_by_then = failed;
  if (!is_stuck(in, one)) one->stuck_since = 0;
  else if (!one->stuck_since || is_tried) one->stuck_since = now;
  else if (now > one->stuck_since + slack(in))
    run_fail(in, "a handshake has been forgotten: what it waits for came %.3f s ago",
             lc_to_seconds(now - one->stuck_since));
}

void check_shaking_wait(run *in)
{
  for (shake *one = in->shaking.first; one; one = one->next)
    if (!one->is_done) check_one(in, one);
}

int check_shakes_easily(const run *in, const client *c)
{
  const plan *p = in->plan;
  unsigned room = c->plan->buffer ? c->plan->buffer : p->network.buffer;
  if (!p->shakes) return 1;
  return !c->plan->stops && c->plan->temper != SLOW_TALKER && c->plan->temper != SLOW_READER &&
         2 * shaking_overhead(p) < room && p->server.settings.handshake_timeout >= 10 * LC_SECOND;
}

static void leave_out(uint64_t *count, uint64_t size)
{
  *count = *count > size ? *count - size : 0;
}

void check_shake_aside(const run *in, sim_truth *truth)
{
  if (!in->plan->shakes) return;
  leave_out(&truth->came, SHAKE_HELLO + SHAKE_ANSWER);
  if (truth->unread > truth->came) truth->unread = truth->came;
  leave_out(&truth->came_before_fin, SHAKE_HELLO + SHAKE_ANSWER);
  leave_out(&truth->written, shaking_overhead(in->plan));
  leave_out(&truth->delivered, shaking_overhead(in->plan));
  leave_out(&truth->arrived, shaking_overhead(in->plan));
}

uint64_t check_ticket_missing(const run *in, const sim_truth *truth)
{
  uint64_t all = in->plan->shakes ? shaking_overhead(in->plan) : 0;
  return truth->delivered < all ? all - truth->delivered : 0;
}
