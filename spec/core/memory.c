/* memory.c - makes one allocation of the library fail, or all from there on. */
#include "memory.h"

#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static atomic_uint made, failed; /* the resolver's thread may allocate too */
static atomic_long live;
static unsigned first, last; /* 0: none fails */

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

long memory_live(void) { return atomic_load(&live); }

static void *counted(void *memory)
{
  if (memory) atomic_fetch_add(&live, 1);
  return memory;
}

void *__wrap_malloc(size_t size) { return is_refused() ? NULL : counted(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size)
{
  return is_refused() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
  if (is_refused()) return NULL;
  return memory ? __real_realloc(memory, size) : counted(__real_malloc(size));
}

void __wrap_free(void *memory)
{
  if (memory) atomic_fetch_sub(&live, 1);
  __real_free(memory);
}
