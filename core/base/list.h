/* list.h - an intrusive, circular, doubly linked list: adding and removing are O(1), without
 * allocation. */
#ifndef LC_LIST_H
#define LC_LIST_H

#include <stddef.h>

typedef struct lc_link {
  struct lc_link *previous;
  struct lc_link *next;
} lc_link;

#define LC_OWNER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void lc_list_init(lc_link *list)
{
  list->previous = list;
  list->next = list;
}

static inline int lc_list_is_empty(const lc_link *list) { return list->next == list; }

static inline void lc_list_append(lc_link *list, lc_link *link)
{
  link->previous = list->previous;
  link->next = list;
  list->previous->next = link;
  list->previous = link;
}

/* Afterwards the link is a list of its own, so removing it twice does no harm. */
static inline void lc_list_remove(lc_link *link)
{
  link->previous->next = link->next;
  link->next->previous = link->previous;
  lc_list_init(link);
}

/* Moves all links of `from` to `to`, which must be empty. */
static inline void lc_list_take(lc_link *to, lc_link *from)
{
  if (lc_list_is_empty(from)) return;
  *to = *from;
  to->next->previous = to;
  to->previous->next = to;
  lc_list_init(from);
}

/* Moves all links of `from` in front of those of `to`. */
static inline void lc_list_put_before(lc_link *to, lc_link *from)
{
  if (lc_list_is_empty(from)) return;
  from->previous->next = to->next;
  to->next->previous = from->previous;
  to->next = from->next;
  from->next->previous = to;
  lc_list_init(from);
}

#endif
