/* inside.h - what a server is made of, for the files of server/ and those above them. */
#ifndef LC_SERVER_INSIDE_H
#define LC_SERVER_INSIDE_H

#include "base/list.h"
#include "conn/owner.h"
#include "listen/owner.h"
#include "loop/loop.h"
#include "loop/pulse.h"
#include "server/registry.h"

struct lc_server {
  lc_child child; /* of the loop */
  lc_owner owner; /* what its connections report to; `step` is that of the ladder */
  lc_link in_fleet;
  struct lc_fleet *fleet;
  lc_loop *loop;
  lc_server_options options;
  const lc_events *events;
  void *user;

  lc_registry registry;
  lc_listen_owner listening;
  lc_conn *spare; /* made before accept, so that memory for an accepted client is there */
  /* a descriptor to be closed so that a stop can accept one more client; -1: none */
  int reserve;
  uint32_t max_connections;
  uint32_t opening;          /* accepted connections in their handshake */
  uint32_t unclaimed;        /* connections that wait until the embedder asks for them */
  int is_outbound;           /* outbound connections only: the process's ladder leaves it alone */
  int retiring;              /* the server is done when it has no connection left */
  uint32_t holds;            /* tasks that the server owns */
  unsigned handshakes_seen;  /* while draining: handshakes of connections that had sent nothing */
  unsigned handshakes_lossy; /* of these, those in which a packet of ours was repeated */

  lc_step wanted; /* the step that the job is to reach */
  lc_time shutdown_began;
  lc_time cancel_at;
  lc_time kill_at;
  lc_time visit_at;  /* when the walk that visits idle connections goes on */
  lc_time mark_at;   /* when the walk that marks begins; LC_NEVER: not yet, or it has begun */
  uint32_t to_visit; /* the number of connections when the drain began */
  int is_reaching;   /* the walk of the step after owner.reached is under way */
  lc_timer timer;
  lc_want want; /* the next step, for the watchdog */
  lc_job job;
  lc_report report;
};

#endif
