/* prefetch.h - what will be looked at in a moment is fetched from memory while something else is done.
 *
 * With a thousand connections that take turns, each has left the processor's cache by the time it is
 * heard of again, and to wait for it is a good part of what a request costs.
 */
#ifndef LC_PREFETCH_H
#define LC_PREFETCH_H

#include <stddef.h>

#define LC_CACHE_LINE 64

/* Harmless wherever it points. */
static inline void lc_prefetch(const void *memory, size_t size)
{
  for (size_t at = 0; at < size; at += LC_CACHE_LINE) __builtin_prefetch((const char *)memory + at);
}

#endif
