/* memory.c - makes one allocation of the library fail, or all from there on. */
#include "memory.h"

#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static atomic_uint made, failed; /* the resolver's thread may allocate too */
static unsigned first, last;     /* 0: none fails */

void memory_fail(unsigned nth, unsigned times)
{
  atomic_store(&made, 0);
  atomic_store(&failed, 0);
  first = nth;
  last = nth + times - 1;
}

void memory_well(void) { first = 0; }

unsigned memory_failed(void) { return atomic_load(&failed); }

static int is_refused(void)
{
  if (!first) return 0;
  unsigned number = atomic_fetch_add(&made, 1) + 1;
  if (number < first || number > last) return 0;
  atomic_fetch_add(&failed, 1);
  return 1;
}

void *__wrap_malloc(size_t size) { return is_refused() ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size)
{
  return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
  return is_refused() ? NULL : __real_realloc(memory, size);
}
