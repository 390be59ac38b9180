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
  lc_owner owner; /* of its connections; `step` is the ladder's */
  lc_link in_fleet;
  struct lc_fleet *fleet;
  lc_loop *loop;
  lc_server_options options;
  const lc_events *events;
  void *user;

  lc_registry registry;
  lc_listen_owner listening;
  lc_conn *spare; /* made before accept, so that no accepted client lacks memory */
  int reserve;    /* a descriptor to be given up for one who queues when a listener stops, or -1 */
  uint32_t max_connections;
  int is_outbound;           /* for connections of our own making: no ladder of the process */
  int retiring;              /* done as soon as no connection is left */
  uint32_t holds;            /* tasks it owns */
  unsigned handshakes_seen;  /* while draining, of those that had not spoken */
  unsigned handshakes_lossy; /* of these, how many had a packet of ours repeated */

  lc_step wanted; /* the job climbs to it */
  lc_time shutdown_began;
  lc_time cancel_at;
  lc_time kill_at;
  lc_time visit_at;  /* when the walk over idle connections goes on */
  lc_time mark_at;   /* when the walk that marks begins; LC_NEVER: no longer, or not yet */
  uint32_t to_visit; /* how many there were when it began */
  int is_reaching;   /* the walk of the step after owner.reached is under way */
  lc_timer timer;
  lc_want want; /* the next step, for the watchdog */
  lc_job job;
  lc_report report;
};

#endif
