/* arena.c - memory for the processes of one plan, given back at once when the plan is over. */
#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

#define BASE UINT64_C(0x200000000000)
#define SIZE (UINT64_C(8) << 30)   /* of address space; the pages come when they are used */
#define STACKS (UINT64_C(4) << 30) /* the upper part */

enum {
  UNIT = 16,
  FINE = 32,
  CLASSES = 64
}; /* multiples of UNIT up to UNIT * FINE, then powers of two */

/* In front of each piece. */
typedef struct header {
  size_t class;
  struct header *next; /* while it is free */
} header;

static struct {
  char *base, *at, *stack;
  header *free[CLASSES];
  int is_on;
} arena;

static size_t class_of(size_t size)
{
  size_t units = (size + UNIT - 1) / UNIT, class = FINE;
  if (units <= FINE) return units;
  for (size_t most = (size_t)UNIT * FINE; most < size; most *= 2) class ++;
  return class;
}

static size_t size_of(size_t class)
{
  return class <= FINE ? class * UNIT : (size_t)UNIT * FINE << (class - FINE);
}

static void map(void)
{
  void *wanted = (void *)(uintptr_t)BASE; /* NOLINT(performance-no-int-to-ptr) */
  arena.base = mmap(wanted, SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (arena.base == wanted) return;
  perror("sim-supervise: mmap");
  exit(2);
}

void arena_begin(void)
{
  if (!arena.base) map();
  memset(arena.free, 0, sizeof arena.free);
  arena.at = arena.base;
  arena.stack = arena.base + STACKS;
  arena.is_on = 1;
}

void arena_end(void) { arena.is_on = 0; }

void arena_go_on(void) { arena.is_on = 1; }

void *arena_stack(void)
{
  void *stack = arena.stack;
  arena.stack += ARENA_STACK;
  return stack;
}

static int is_ours(const void *memory)
{
  return arena.base && (const char *)memory >= arena.base &&
         (const char *)memory < arena.base + SIZE;
}

static header *header_of(void *memory) { return (header *)memory - 1; }

static void *take(size_t size)
{
  size_t class = class_of(size);
  header *piece = arena.free[class];
  if (piece) {
    arena.free[class] = piece->next;
  } else {
    piece = (header *)(void *)arena.at;
    arena.at += sizeof *piece + size_of(class);
    if (arena.at > arena.base + STACKS) return NULL;
  }
  piece->class = class;
  return piece + 1;
}

void *__wrap_malloc(size_t size) { return arena.is_on ? take(size) : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size)
{
  if (!arena.is_on) return __real_calloc(count, size);
  if (size && count > SIZE / size) return NULL;
  void *memory = take(count * size);
  return memory ? memset(memory, 0, count * size) : NULL;
}

void __wrap_free(void *memory)
{
  if (!is_ours(memory)) {
    __real_free(memory);
    return;
  }
  header *piece = header_of(memory);
  piece->next = arena.free[piece->class];
  arena.free[piece->class] = piece;
}

void *__wrap_realloc(void *memory, size_t size)
{
  if (!memory) return __wrap_malloc(size);
  if (!is_ours(memory)) return __real_realloc(memory, size);
  size_t had = size_of(header_of(memory)->class);
  if (size <= had && class_of(size) == header_of(memory)->class) return memory;
  void *moved = take(size);
  if (!moved) return NULL;
  memcpy(moved, memory, size < had ? size : had);
  __wrap_free(memory);
  return moved;
}
