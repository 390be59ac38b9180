/* lastcall/report.h - what a server has done, and how its shutdown went. */
#ifndef LASTCALL_REPORT_H
#define LASTCALL_REPORT_H

#include "lastcall/server.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_listener_report {
  lc_address address;
  const char *method; /* "hide", "steer", "close", "shutdown", "accept-close" */
  int lossless;
  /* 1: not lossless only because the kernel did not show it; perhaps no client was lost. */
  int is_unknown;
  int is_closed;
  lc_time settled; /* how long the stop took */
} lc_listener_report;

typedef struct lc_report {
  lc_time step_at[LC_STEPS]; /* when each step began; 0: not reached */

  /* Since the server began. */
  uint64_t accepted;
  uint64_t received;        /* bytes of connections that are closed */
  uint64_t sent;            /* likewise */
  uint64_t resets_at_rest;  /* resets by peers, while neither side owed the other anything */
  uint64_t held_back;       /* how often a limit made clients wait */
  uint64_t stopped_earlier; /* listeners stopped before the last 16, which have reports */
  uint64_t detached;
  uint64_t handshakes;        /* of transports: done */
  uint64_t handshakes_failed; /* likewise */

  /* Since the ladder began. */
  uint64_t accepted_while_stopping;
  uint64_t finished; /* closed in order by their handlers or peers */
  uint64_t closed_idle;
  uint64_t canceled;
  uint64_t killed;
  uint64_t reset_by_us;
  uint64_t reset_by_peer;
  uint64_t undelivered_bytes;
  uint64_t failed_flushes;
  uint64_t late; /* connections with bytes that no handler received: lc_conn_stats.late */
  /* The same before the shutdown: a limit, such as idle_timeout, had ended them. */
  uint64_t late_before;

  int lossless; /* every listener is known to have stopped without loss */
} lc_report;
/* The report so far. It belongs to the server, which keeps it up to date until it is freed. */
const lc_report *lc_server_report(const lc_server *server);
/* Returns 0 and the report of the i-th listener, open or stopped; -ENOENT past the last. A server
 * that listens anew forgets all but the last 16 listeners that it stopped while serving. */
int lc_server_listener_report(const lc_server *server, unsigned index, lc_listener_report *report);
/* The embedder has canceled or killed work of the connection. Each connection is counted once. */
void lc_server_count_canceled(lc_server *server, lc_conn *conn);
void lc_server_count_killed(lc_server *server, lc_conn *conn);

#ifdef __cplusplus
}
#endif

#endif
