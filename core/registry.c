/* registry.c - every connection of a server, by age, by id, and counted by state. */
#include "registry.h"

#include <stdlib.h>

#include "conn.h"

void lc_registry_init(lc_registry *registry)
{
  *registry = (lc_registry){0};
  lc_list_init(&registry->all);
}

void lc_registry_free(lc_registry *registry)
{
  free(registry->buckets);
  registry->buckets = NULL;
  registry->bucket_count = 0;
}

static lc_conn **bucket_of(const lc_registry *registry, uint64_t id)
{
  return &registry->buckets[id & (registry->bucket_count - 1)]; /* ids count up: no better hash */
}

int lc_registry_reserve(lc_registry *registry)
{
  if (registry->counts[LC_STATES] < registry->bucket_count) return 0;
  uint32_t count = registry->bucket_count ? registry->bucket_count * 2 : 16;
  lc_conn **buckets = calloc(count, sizeof(lc_conn *));
  if (!buckets) return registry->bucket_count ? 0 : -ENOMEM; /* longer chains still work */
  free(registry->buckets);
  registry->buckets = buckets;
  registry->bucket_count = count;
  for (lc_link *link = registry->all.next; link != &registry->all; link = link->next) {
    lc_conn *conn = LC_OWNER(link, lc_conn, in_registry), **bucket = bucket_of(registry, conn->id);
    conn->next_in_bucket = *bucket;
    *bucket = conn;
  }
  return 0;
}

void lc_registry_add(lc_registry *registry, lc_conn *conn)
{
  lc_conn **bucket = bucket_of(registry, conn->id);
  conn->next_in_bucket = *bucket;
  *bucket = conn;
  lc_list_append(&registry->all, &conn->in_registry);
  registry->counts[conn->state]++;
  registry->counts[LC_STATES]++;
}

void lc_registry_remove(lc_registry *registry, lc_conn *conn)
{
  lc_conn **place = bucket_of(registry, conn->id);
  while (*place != conn) place = &(*place)->next_in_bucket;
  *place = conn->next_in_bucket;
  if (registry->cursor == &conn->in_registry) registry->cursor = conn->in_registry.next;
  lc_list_remove(&conn->in_registry);
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
  if (!registry->bucket_count) return NULL;
  lc_conn *conn = *bucket_of(registry, id);
  while (conn && conn->id != id) conn = conn->next_in_bucket;
  return conn;
}

lc_conn *lc_registry_next(const lc_registry *registry, const lc_conn *conn)
{
  const lc_link *link = conn ? conn->in_registry.next : registry->all.next;
  return link == &registry->all ? NULL : LC_OWNER(link, lc_conn, in_registry);
}

void lc_registry_rewind(lc_registry *registry) { registry->cursor = registry->all.next; }

lc_conn *lc_registry_step(lc_registry *registry)
{
  lc_link *link = registry->cursor;
  if (!link) return NULL;
  if (link == &registry->all) {
    registry->cursor = NULL;
    return NULL;
  }
  registry->cursor = link->next;
  return LC_OWNER(link, lc_conn, in_registry);
}
