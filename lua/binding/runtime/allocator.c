/* runtime/allocator.c - during a run, keeps small blocks that Lua frees, for Lua's next requests.
 *
 * The collector frees tens of thousands of strings in one step, and the script then asks for as
 * many of the same sizes. The general malloc takes some 250 instructions and a walk through cold
 * memory for each of them. Here a block comes off a list of blocks of exactly its size, and goes
 * back to it.
 *
 * A large string can also be received where it will lie. Lua copies the bytes of a string into a
 * block that it asks for; it gets the block that has the bytes already. 64 KiB messages take a
 * tenth less time.
 *
 * All blocks come from the state's own allocator. It gets them back when the run ends, when it has
 * no memory left, and when no request fits them. So the allocator may be the host's, and the sizes
 * that it is given stay true.
 */
#include "runtime/allocator.h"

#include <lua.h>
#include <stdlib.h>

#include "runtime/runtime.h"

/* A sanitizer must see each block come and go. */
#ifdef __SANITIZE_ADDRESS__
#define WATCHED
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define WATCHED
#endif
#endif

enum {
  LARGEST = 512, /* bytes of a kept block */
#ifdef WATCHED
  KEPT_MOST = 0
#else
  KEPT_MOST = 4096 * 1024 /* bytes in all: as much garbage as a small program leaves in one cycle */
#endif
};

typedef struct kept_block {
  struct kept_block *next;
} kept_block;

struct allocator {
  lua_Alloc allocate; /* the state's own */
  void *user;
  size_t kept;   /* bytes */
  size_t most;   /* KEPT_MOST; 0: the run is over, but this allocator could not be removed */
  size_t lacked; /* bytes requested in vain, though much was kept: it was of other sizes */
  int is_short;  /* the state's own has no memory: Lua collects what it can, and asks again */
  kept_block *blocks[LARGEST + 1]; /* by their size */

  int is_learning;  /* how a long string's block is laid out: the next large request is noted */
  const char *seen; /* this one */
  size_t seen_size;

  size_t head;         /* bytes before the string in a long string's block; 0: not known */
  char *place;         /* a block with room for STRING_PLACE bytes */
  char *offered;       /* the block that Lua is about to ask for */
  size_t offered_size; /* 0: none */
};

static void give_back(allocator *own)
{
  for (size_t size = 0; size <= LARGEST; size++) {
    while (own->blocks[size]) {
      kept_block *block = own->blocks[size];
      own->blocks[size] = block->next;
      own->allocate(own->user, block, size, 0);
    }
  }
  own->kept = own->lacked = 0;
}

/* Lua did not ask for the block. */
static void give_up_offered(allocator *own)
{
  if (own->offered_size) own->allocate(own->user, own->offered, own->offered_size, 0);
  own->offered_size = 0;
}

static void *ask(allocator *own, void *block, size_t old_size, size_t size)
{
  void *got = own->allocate(own->user, block, old_size, size);
  own->is_short = !got;
  if (!got) give_back(own);
  return got;
}

static void *take_offered(allocator *own)
{
  own->offered_size = 0;
  return own->offered;
}

static void *take(allocator *own, size_t kind, size_t size)
{
  if (size > LARGEST)
    return size == own->offered_size ? take_offered(own) : ask(own, NULL, kind, size);
  kept_block *block = own->blocks[size];
  if (!block) {
    if (own->kept > own->most / 2) own->lacked += size;
    return ask(own, NULL, kind, size);
  }
  own->blocks[size] = block->next;
  own->kept -= size;
  return block;
}

static void put(allocator *own, kept_block *block, size_t size)
{
  int fits = size <= LARGEST && size >= sizeof *block;
  if (!fits || own->is_short || own->kept + size > own->most) {
    if (own->lacked > own->most) give_back(own);
    own->allocate(own->user, block, size, 0);
    return;
  }
  block->next = own->blocks[size];
  own->blocks[size] = block;
  own->kept += size;
}

/* Without a block, `old_size` is the kind of the new object. */
static void *allocate(void *user, void *block, size_t old_size, size_t size)
{
  allocator *own = user;
  if (block) {
    if (size) return ask(own, block, old_size, size);
    put(own, block, old_size);
    return NULL;
  }
  void *made = size ? take(own, old_size, size) : NULL;
  if (own->is_learning && size > LARGEST) {
    own->seen = made;
    own->seen_size = size;
    own->is_learning = 0;
  }
  return made;
}

/* ----------------------------------------------------------- places for strings -- */

/* Tries out the layout instead of assuming it: a Lua that makes strings in another way gets no
 * places for them. */
static void learn_head(lua_State *L, allocator *own)
{
  static const char sample[2 * LARGEST];
  own->is_learning = 1;
  const char *string = lua_pushlstring(L, sample, sizeof sample);
  own->is_learning = 0;
  const char *block = own->seen;
  if (block && string > block && string + sizeof sample + 1 == block + own->seen_size)
    own->head = (size_t)(string - block);
  lua_pop(L, 1);
}

size_t allocator_kept(const runtime *rt) { return rt->allocator ? rt->allocator->kept : 0; }

static size_t string_block(const allocator *own, size_t length) { return own->head + length + 1; }

char *allocator_place(runtime *rt)
{
  allocator *own = rt->allocator;
  if (!own || !own->head) return NULL;
  if (!own->place) own->place = ask(own, NULL, LUA_TSTRING, string_block(own, STRING_PLACE));
  return own->place ? own->place + own->head : NULL;
}

void allocator_push_place(lua_State *L, runtime *rt, size_t length)
{
  allocator *own = rt->allocator;
  size_t size = string_block(own, length);
  char *less = own->place;
  if (length < STRING_PLACE)
    less = own->allocate(own->user, own->place, string_block(own, STRING_PLACE), size);
  if (!less) { /* the block cannot shrink: the string is copied after all */
    lua_pushlstring(L, own->place + own->head, length);
    return;
  }
  own->place = NULL;
  own->offered = less;
  own->offered_size = size;
  lua_pushlstring(L, less + own->head, length);
  give_up_offered(own);
}

void allocator_begin(lua_State *L, runtime *rt)
{
  allocator *own = calloc(1, sizeof *own);
  if (!own) return; /* the run goes without */
  own->allocate = lua_getallocf(L, &own->user);
  own->most = KEPT_MOST;
  rt->allocator = own;
  lua_setallocf(L, allocate, own);
  learn_head(L, own);
}

void allocator_end(lua_State *L, runtime *rt)
{
  allocator *own = rt->allocator;
  void *user;
  if (!own) return;
  rt->allocator = NULL;
  own->most = 0;
  give_back(own);
  give_up_offered(own);
  if (own->place) own->allocate(own->user, own->place, string_block(own, STRING_PLACE), 0);
  own->place = NULL;
  own->head = 0;
  if (lua_getallocf(L, &user) != allocate || user != own)
    return; /* the host has put an allocator of its own around this one */
  lua_setallocf(L, own->allocate, own->user);
  free(own);
}
