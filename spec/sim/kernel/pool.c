/* pool.c - memory of one kernel, taken piece by piece and given back at once.
 *
 * Not by malloc: the linker replaces it by one that makes the core's allocations
 * fail, and the simulated kernel's must not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

enum { CHUNK = 64 * 1024, ALIGNMENT = 16 };

struct sim_chunk {
  sim_chunk *next;
  size_t size;
};

static unsigned class_of(size_t size)
{
  unsigned class = 4; /* 16 bytes */
  while (((size_t)1 << class) < size) class ++;
  return class;
}

static void grow(sim_pool *pool, size_t size)
{
  size_t whole = size + ALIGNMENT > CHUNK ? size + ALIGNMENT : CHUNK;
  sim_chunk *chunk = aligned_alloc(ALIGNMENT, whole);
  if (!chunk) {
    fputs("sim: out of memory\n", stderr);
    abort();
  }
  chunk->next = pool->chunks;
  chunk->size = whole;
  pool->chunks = chunk;
  pool->at = (char *)chunk + ALIGNMENT;
  pool->left = whole - ALIGNMENT;
}

void *sim_take(sim_kernel *kernel, size_t size)
{
  sim_pool *pool = &kernel->pool;
  unsigned class = class_of(size);
  size_t whole = (size_t)1 << class;
  void *memory = class < SIM_POOLS ? pool->free[class] : NULL;
  if (memory) {
    memcpy(&pool->free[class], memory, sizeof(void *));
  } else {
    if (pool->left < whole) grow(pool, whole);
    memory = pool->at;
    pool->at += whole;
    pool->left -= whole;
  }
  return memset(memory, 0, size);
}

void sim_give(sim_kernel *kernel, void *memory, size_t size)
{
  sim_pool *pool = &kernel->pool;
  unsigned class = class_of(size);
  if (!memory || class >= SIM_POOLS) return;
  memcpy(memory, &pool->free[class], sizeof(void *));
  pool->free[class] = memory;
}

void sim_pool_free(sim_pool *pool)
{
  while (pool->chunks) {
    sim_chunk *chunk = pool->chunks;
    pool->chunks = chunk->next;
    free(chunk);
  }
}
