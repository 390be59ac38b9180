/* fleet.c - all servers of a loop, and the watches to call when a server comes, goes, ends or
 * changes. */
#include "server/fleet.h"

#include <stdlib.h>

#include "server/inside.h"

static void fleet_end(lc_child *child)
{
  lc_fleet *fleet = LC_OWNER(child, lc_fleet, child);
  lc_loop_remove_child(child);
  free(fleet);
}

lc_fleet *lc_fleet_of(lc_loop *loop)
{
  lc_child *child = lc_loop_child(loop, fleet_end);
  if (child) return LC_OWNER(child, lc_fleet, child);
  lc_fleet *fleet = calloc(1, sizeof *fleet);
  if (!fleet) return NULL;
  lc_list_init(&fleet->servers);
  lc_list_init(&fleet->watches);
  lc_loop_add_child(loop, &fleet->child, fleet_end);
  return fleet;
}

void lc_fleet_add(lc_fleet *fleet, lc_server *server)
{
  server->fleet = fleet;
  if (fleet->is_leaving) server->owner.is_leaving = 1;
  lc_list_append(&fleet->servers, &server->in_fleet);
  lc_fleet_changed(fleet);
}

void lc_fleet_remove(lc_fleet *fleet, lc_server *server)
{
  lc_list_remove(&server->in_fleet);
  lc_fleet_changed(fleet);
}

void lc_fleet_leave(lc_fleet *fleet)
{
  fleet->is_leaving = 1;
  for (lc_link *link = fleet->servers.next; link != &fleet->servers; link = link->next)
    LC_OWNER(link, lc_server, in_fleet)->owner.is_leaving = 1;
}

void lc_fleet_changed(lc_fleet *fleet)
{
  for (lc_link *link = fleet->watches.next; link != &fleet->watches; link = link->next) {
    lc_fleet_watch *watch = LC_OWNER(link, lc_fleet_watch, link);
    watch->changed(watch);
  }
}

void lc_fleet_watch_begin(lc_fleet *fleet, lc_fleet_watch *watch,
                          void (*changed)(lc_fleet_watch *watch))
{
  watch->changed = changed;
  lc_list_init(&watch->link);
  lc_list_append(&fleet->watches, &watch->link);
}

void lc_fleet_watch_end(lc_fleet_watch *watch) { lc_list_remove(&watch->link); }

lc_server *lc_fleet_next(const lc_fleet *fleet, const lc_server *server)
{
  const lc_link *link = server ? server->in_fleet.next : fleet->servers.next;
  return link == &fleet->servers ? NULL : LC_OWNER(link, lc_server, in_fleet);
}
