/* deadline.c - the one timer of a connection, and the times for which it is set. */
#include "conn/deadline.h"

/* The limit of an operation that begins now. It does not count from the turn: the script may have
 * computed since the turn began, and the limit would be over too early. */
lc_time lc_conn_limit(const lc_conn *conn, lc_time allowed)
{
  return allowed == LC_NEVER ? LC_NEVER : lc_time_add(lc_turn_soon(&conn->loop->turn), allowed);
}

/* A time in the past becomes now, so that it does not overtake timers that are due already. */
void lc_conn_arm_earlier(lc_conn *conn, lc_time at)
{
  if (!conn->timer.is_open) return;
  if (at < conn->loop->now) at = conn->loop->now;
  if (at < lc_heap_at(&conn->loop->timers, &conn->timer))
    lc_timer_set(conn->loop, &conn->timer, at);
}

/* Multiplied by 2^64 divided by the golden ratio, ids that count up lie evenly apart. */
#define SCATTER UINT64_C(0x9e3779b97f4a7c15)

/* The age at which a connection is to end: within 10 % either way, by its id. So connections that
 * were opened together do not all come back together. */
lc_time lc_conn_age_end(const lc_conn *conn)
{
  lc_time age = lc_conn_settings(conn)->max_age;
  if (age == LC_NEVER) return LC_NEVER;
  uint64_t mixed = conn->id * SCATTER;
  lc_time tenth = age / 10, from = lc_time_add(conn->opened_at, age - tenth);
  return lc_time_add(from, (lc_time)(mixed >> 1) % (2 * tenth + 1));
}

void lc_conn_set_deadline(lc_conn *conn, lc_time at)
{
  if (conn->state >= LC_STATE_CLOSING) return; /* its operations have ended */
  conn->deadline = at;
  if (at != LC_NEVER && conn->watch.fd >= 0) lc_conn_arm(conn, at);
}

lc_time lc_conn_read_deadline(const lc_conn *conn)
{
  return conn->state < LC_STATE_CLOSING ? conn->read_deadline : LC_NEVER;
}
