/* registry.h - every connection of a server, by age, by id, and counted by state.
 *
 * A list in the order of arrival, a count for each state, and a hash by id (open addressing).
 * Adding, removing, moving between states and finding are O(1), and walking is safe while states
 * change. A connection leaves when its descriptor and its tasks have ended, always from a job. So a
 * walk within one callback never loses its connection. Walks of several turns use the registry's
 * cursors: when the connection at a cursor leaves, the cursor moves to the next one.
 */
#ifndef LC_REGISTRY_H
#define LC_REGISTRY_H

#include "base/list.h"
#include "lastcall.h"

/* The walks that take several turns; each has a cursor of its own. */
typedef enum lc_walk {
  LC_WALK_REACH,
  LC_WALK_VISIT,
  LC_WALK_MARK,
  LC_WALK_CLAIM,
  LC_WALKS
} lc_walk;

typedef struct lc_registry {
  lc_link all;
  uint32_t counts[LC_STATES + 1]; /* by state; the last one is the number of all */
  lc_conn **places;               /* by id; NULL: free */
  uint32_t place_count;           /* a power of two, or 0; a quarter of them stays free */
  uint32_t shift;                 /* shifts a product so that a place is left */
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
/* The connection is the next of the walk. */
void lc_registry_walk_from(lc_registry *registry, lc_walk walk, lc_conn *conn);
/* The next connection of the walk, or NULL when it is over. */
lc_conn *lc_registry_step(lc_registry *registry, lc_walk walk);
int lc_registry_is_walking(const lc_registry *registry, lc_walk walk);

#endif
