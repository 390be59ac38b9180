/* registry.h - every connection of a server, by age, by id, and counted by state.
 *
 * One list in the order of arrival, a count for each state, and a hash by id (open addressing): entering,
 * leaving, moving between states and finding are O(1), and walking is safe while states change. A connection
 * leaves when its descriptor and its tasks are gone, always from a job, so a walk within one callback never
 * loses its footing; longer walks (one share a turn) use the registry's own cursors, each of which steps aside
 * when the connection under it leaves.
 */
#ifndef LC_REGISTRY_H
#define LC_REGISTRY_H

#include "base/list.h"
#include "lastcall.h"

/* The walks that take several turns; each has a cursor of its own. */
typedef enum lc_walk { LC_WALK_REACH, LC_WALK_VISIT, LC_WALK_MARK, LC_WALKS } lc_walk;

typedef struct lc_registry {
  lc_link all;
  uint32_t counts[LC_STATES + 1]; /* the last one counts them all */
  lc_conn **places;               /* by id; NULL: free */
  uint32_t place_count;           /* a power of two, or 0; a quarter of them stays free */
  uint32_t shift;                 /* leaves as many bits of a product as a place has */
  lc_link *cursors[LC_WALKS]; /* the next one to visit, &all at the end, NULL when not walking */
} lc_registry;

void lc_registry_init(lc_registry *registry);
void lc_registry_free(lc_registry *registry);
int lc_registry_reserve(lc_registry *registry); /* room for one more: 0 or -ENOMEM */
void lc_registry_add(lc_registry *registry, lc_conn *conn);
void lc_registry_remove(lc_registry *registry, lc_conn *conn);
void lc_registry_move(lc_registry *registry, lc_state from, lc_state to);
lc_conn *lc_registry_find(const lc_registry *registry, uint64_t id);
lc_conn *lc_registry_next(const lc_registry *registry, const lc_conn *conn);

void lc_registry_rewind(lc_registry *registry, lc_walk walk);
/* The next connection of the walk, or NULL when it is over. */
lc_conn *lc_registry_step(lc_registry *registry, lc_walk walk);
int lc_registry_is_walking(const lc_registry *registry, lc_walk walk);

#endif
