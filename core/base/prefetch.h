/* prefetch.h - fetches memory into the cache before it is needed, while the processor does other
 * work.
 *
 * With a thousand connections that take turns, the memory of each has left the cache before its
 * next event. Waiting for that memory is a good part of what a request costs.
 */
#ifndef LC_PREFETCH_H
#define LC_PREFETCH_H

#include <stddef.h>

#define LC_CACHE_LINE 64

/* Any address will do, even one that is not mapped. */
static inline void lc_prefetch(const void *memory, size_t size)
{
  for (size_t at = 0; at < size; at += LC_CACHE_LINE) __builtin_prefetch((const char *)memory + at);
}

#endif
