/* account.c - counts each connection for the report when its descriptor ends. */
#include "server/account.h"

#include "conn/queue.h"
#include "server/inside.h"
#include "server/member.h"

static int is_lost_by_peer(const lc_conn *conn)
{
  return conn->verdict.code == LC_RESET || conn->verdict.code == LC_BROKEN_PIPE;
}

static void account_end(lc_report *report, const lc_member *member, int by_reset)
{
  const lc_conn *conn = &member->conn;
  if (conn->late) report->late++;
  if (by_reset) report->reset_by_us++;
  if (is_lost_by_peer(conn)) report->reset_by_peer++;
  else if (conn->dismissed && member->was_idle) report->closed_idle++;
  else if (!by_reset && !member->counted_canceled && !member->counted_killed) report->finished++;
}

static void account_undelivered(lc_report *report, lc_member *member)
{
  const lc_conn *conn = &member->conn;
  size_t unacked = conn->verdict.unacked;
  if (!conn->verdict.code) return;
  report->undelivered_bytes += unacked == LC_UNKNOWN ? lc_queue_size(conn) : unacked;
  if (!unacked) return;
  member->counted_undelivered = 1;
  report->failed_flushes++;
}

void lc_account_ended(lc_conn *conn, int by_reset)
{
  lc_server *server = lc_conn_server(conn);
  lc_report *report = &server->report;
  report->received += conn->received;
  report->sent += conn->sent;
  report->resets_at_rest += conn->reset_at_rest;
  report->detached += conn->detached;
  if (server->owner.step < LC_STEP_STOP && conn->late) report->late_before++;
  if (server->owner.step < LC_STEP_STOP || conn->detached) return;
  account_end(report, lc_member_of(conn), by_reset);
  account_undelivered(report, lc_member_of(conn));
}

int lc_conn_is_undelivered(const lc_conn *conn)
{
  return (int)lc_member_of(conn)->counted_undelivered;
}

void lc_server_count_canceled(lc_server *server, lc_conn *conn)
{
  lc_member *member = lc_member_of(conn);
  if (member->counted_canceled) return;
  member->counted_canceled = 1;
  server->report.canceled++;
}

void lc_server_count_killed(lc_server *server, lc_conn *conn)
{
  lc_member *member = lc_member_of(conn);
  if (member->counted_killed) return;
  member->counted_killed = 1;
  server->report.killed++;
}
