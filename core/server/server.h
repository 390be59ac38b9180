/* server.h - a server as the core's own files see it: listeners, a registry, a ladder. */
#ifndef LC_SERVER_H
#define LC_SERVER_H

#include "base/list.h"
#include "loop/loop.h"
#include "process/watchdog.h"
#include "server/registry.h"

struct lc_server {
  lc_link in_loop;
  lc_loop *loop;
  lc_server_options options;
  const lc_events *events;
  void *user;

  lc_registry registry;
  lc_link listeners; /* open or being stopped; a stopped one stays for the report */
  lc_conn *spare;    /* made before accept, so that no accepted client lacks memory */
  int reserve; /* a descriptor to be given up for one who queues when a listener stops, or -1 */
  uint32_t max_connections;
  int is_outbound; /* for connections of our own making: no ladder of the process */
  int serving;     /* connections go to `opened` */
  int suspended;
  int is_full_told;          /* that clients wait, max_connections being reached */
  int retiring;              /* done as soon as no connection is left */
  uint32_t holds;            /* tasks it owns */
  unsigned handshakes_seen;  /* while draining, of those that had not spoken */
  unsigned handshakes_lossy; /* of these, how many had a packet of ours repeated */

  lc_step step;
  lc_step wanted; /* the job climbs to it */
  lc_time shutdown_began;
  lc_time cancel_at;
  lc_time kill_at;
  lc_time visit_at;  /* when the walk over idle connections goes on */
  lc_time mark_at;   /* when the walk that marks begins; LC_NEVER: no longer, or not yet */
  uint32_t to_visit; /* how many there were when it began */
  lc_timer timer;
  lc_want want; /* the next step, for the watchdog */
  lc_job job;
  lc_report report;
};

/* server.c */
void lc_server_departed(lc_server *server); /* a connection has left the registry */
int lc_server_is_full(const lc_server *server);
/* The kernel's name of a listener's socket becomes the address that it was opened with. */
void lc_server_told_address(const lc_server *server, lc_address *address);
/* A spare connection, or NULL for lack of memory. */
lc_conn *lc_server_spare(lc_server *server);
/* The spare becomes the connection of a descriptor just accepted or connecting. */
int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn);
/* Keeps a descriptor in reserve while a listener is open; and gives it up: 1, or 0 when there is none. */
void lc_server_reserve(lc_server *server);
int lc_server_give_reserve(lc_server *server);
/* Tells it, with the address where there is one. */
void lc_server_tell(lc_server *server, lc_notice notice, const lc_address *address);
void lc_server_notice(lc_server *server, const char *event, int code, const lc_address *address,
                      lc_time retry);

/* drain.c */
int lc_drain_open(lc_server *server);     /* the ladder's timer: 0 or -ENOMEM */
int lc_drain_wants(const lc_conn *conn);  /* whether idle connections are being closed */
void lc_drain_consider(lc_conn *conn);    /* it has become idle: its timer is to look at it */
lc_time lc_drain_patience(lc_conn *conn); /* the silence after which one that never spoke is idle */
void lc_drain_settled(lc_server *server); /* a listener has been closed: was it the last one */
void lc_drain_visit(lc_conn *conn);       /* from its timer: closes it when its time has come */
void lc_drain_check(lc_server *server);   /* something has ended: the server may be done */

/* shutdown.c: a server has ended; the process's ladder may go on. */
void lc_shutdown_check(lc_loop *loop);
/* Whether the process's ladder has told all servers to stop: one that begins to listen is too late. */
int lc_shutdown_has_stopped(const lc_loop *loop);

#endif
