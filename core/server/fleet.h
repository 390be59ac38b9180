/* fleet.h - all servers of a loop, and the watches to call when a server comes, goes, ends or
 * changes. */
#ifndef LC_FLEET_H
#define LC_FLEET_H

#include "base/list.h"
#include "loop/loop.h"

/* The process's ladder and the watchdog have one each. */
typedef struct lc_fleet_watch {
  lc_link link;
  void (*changed)(struct lc_fleet_watch *watch);
} lc_fleet_watch;

typedef struct lc_fleet {
  lc_child child; /* of the loop. Servers are later children, so they end before the fleet */
  lc_link servers;
  lc_link watches;
  int is_leaving;  /* the process is to end */
  int has_stopped; /* all servers have been told to stop: no other may begin to listen */
} lc_fleet;

/* Returns the loop's fleet, which the first call makes. NULL for lack of memory. */
lc_fleet *lc_fleet_of(lc_loop *loop);
void lc_fleet_add(lc_fleet *fleet, lc_server *server);
void lc_fleet_remove(lc_fleet *fleet, lc_server *server);
/* The process is to end: its servers are leaving from now on, though they may go on for a while. */
void lc_fleet_leave(lc_fleet *fleet);
/* A server has changed; or a watch has begun, and is to know what the others have to tell. */
void lc_fleet_changed(lc_fleet *fleet);

void lc_fleet_watch_begin(lc_fleet *fleet, lc_fleet_watch *watch,
                          void (*changed)(lc_fleet_watch *watch));
void lc_fleet_watch_end(lc_fleet_watch *watch);

/* Returns the server after `server`, or the first one (NULL). NULL after the last. */
lc_server *lc_fleet_next(const lc_fleet *fleet, const lc_server *server);

#endif
