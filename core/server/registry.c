/* registry.c - every connection of a server, by age, by id, and counted by state. */
#include "server/registry.h"

#include <stdlib.h>

#include "server/member.h"

void lc_registry_init(lc_registry *registry)
{
  *registry = (lc_registry){0};
  lc_list_init(&registry->all);
}

void lc_registry_free(lc_registry *registry)
{
  free(registry->places);
  registry->places = NULL;
  registry->place_count = 0;
}

static uint32_t place_after(const lc_registry *registry, uint32_t place)
{
  return (place + 1) & (registry->place_count - 1);
}

/* Ids count up. Multiplied by 2^64 divided by the golden ratio they lie evenly apart (Knuth, vol.
 * 3, 6.4). Side by side they would be one run, and removing one would look at all behind it. */
static uint32_t home_of(const lc_registry *registry, uint64_t id)
{
  return (uint32_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> registry->shift);
}

/* Returns the place of the connection with this id, or the place where it would be. */
static uint32_t place_of(const lc_registry *registry, uint64_t id)
{
  uint32_t place = home_of(registry, id);
  while (registry->places[place] && registry->places[place]->id != id)
    place = place_after(registry, place);
  return place;
}

int lc_registry_reserve(lc_registry *registry)
{
  uint32_t old = registry->place_count, count = old ? old * 2 : 16;
  if (registry->counts[LC_STATES] < old - old / 4) return 0;
  lc_conn **places = calloc(count, sizeof(lc_conn *));
  if (!places) return -ENOMEM;
  free(registry->places);
  registry->places = places;
  registry->place_count = count;
  registry->shift = (uint32_t)__builtin_clzll(count) + 1;
  for (lc_link *link = registry->all.next; link != &registry->all; link = link->next) {
    lc_conn *conn = &LC_OWNER(link, lc_member, in_registry)->conn;
    places[place_of(registry, conn->id)] = conn;
  }
  return 0;
}

void lc_registry_add(lc_registry *registry, lc_conn *conn)
{
  registry->places[place_of(registry, conn->id)] = conn;
  lc_list_append(&registry->all, &lc_member_of(conn)->in_registry);
  registry->counts[conn->state]++;
  registry->counts[LC_STATES]++;
}

/* Connections behind the hole that could not have their home place move up, so that no search ends
 * early. */
static void vacate(lc_registry *registry, uint32_t hole)
{
  uint32_t mask = registry->place_count - 1;
  lc_conn *next;
  registry->places[hole] = NULL;
  for (uint32_t place = hole; (next = registry->places[place = place_after(registry, place)]);) {
    uint32_t from_home = (place - home_of(registry, next->id)) & mask;
    if (from_home < ((place - hole) & mask)) continue; /* its home lies between the hole and here */
    registry->places[hole] = next;
    registry->places[place] = NULL;
    hole = place;
  }
}

void lc_registry_remove(lc_registry *registry, lc_conn *conn)
{
  vacate(registry, place_of(registry, conn->id));
  for (int walk = 0; walk < LC_WALKS; walk++)
    if (registry->cursors[walk] == &lc_member_of(conn)->in_registry)
      registry->cursors[walk] = lc_member_of(conn)->in_registry.next;
  lc_list_remove(&lc_member_of(conn)->in_registry);
  registry->counts[conn->state]--;
  registry->counts[LC_STATES]--;
}

void lc_registry_move(lc_registry *registry, lc_state from, lc_state to)
{
  registry->counts[from]--;
  registry->counts[to]++;
}

lc_conn *lc_registry_find(const lc_registry *registry, uint64_t id)
{
  return registry->place_count ? registry->places[place_of(registry, id)] : NULL;
}

lc_conn *lc_registry_next(const lc_registry *registry, const lc_conn *conn)
{
  const lc_link *link = conn ? lc_member_of(conn)->in_registry.next : registry->all.next;
  return link == &registry->all ? NULL : &LC_OWNER(link, lc_member, in_registry)->conn;
}

void lc_registry_rewind(lc_registry *registry, lc_walk walk)
{
  registry->cursors[walk] = registry->all.next;
}

void lc_registry_walk_from(lc_registry *registry, lc_walk walk, lc_conn *conn)
{
  registry->cursors[walk] = &lc_member_of(conn)->in_registry;
}

int lc_registry_is_walking(const lc_registry *registry, lc_walk walk)
{
  return registry->cursors[walk] != NULL;
}

lc_conn *lc_registry_step(lc_registry *registry, lc_walk walk)
{
  lc_link *link = registry->cursors[walk];
  if (!link) return NULL;
  if (link == &registry->all) {
    registry->cursors[walk] = NULL;
    return NULL;
  }
  registry->cursors[walk] = link->next;
  return &LC_OWNER(link, lc_member, in_registry)->conn;
}
