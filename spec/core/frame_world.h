/* frame_world.h - a world whose server speaks in frames, and its peers. */
#ifndef FRAME_WORLD_H
#define FRAME_WORLD_H

#include "frame_protocol.h"
#include "world.h"

enum { FRAME_WORDS = 16 }; /* of a message, that are noted */

/* What the embedder does with its units, and what it has seen of them. */
typedef struct frame_embedder {
  int holds;              /* a unit goes on until the test ends it */
  int reads;              /* 1: reads the message; 0: leaves it in the buffer */
  int told;               /* how many units */
  int open;               /* told and not ended */
  int most_open;          /* the highest number of those of one connection */
  size_t length;          /* of the last one's words */
  char words[WORLD_TEXT]; /* each one's first words: " one two" */
} frame_embedder;
extern frame_embedder frame_embedder_of_all;

void frame_embed(world *w); /* a world that has been set up otherwise */
int frame_set_up(void **state);
int frame_tear_down(void **state); /* what the protocol has begun has ended */
#define FRAME_TEST(name) cmocka_unit_test_setup_teardown(name, frame_set_up, frame_tear_down)

void frame_take(seen *one); /* the message of the unit under way, which is noted */
void frame_end(seen *one);  /* answers with FRAME_ANSWER, and the unit is over */

/* The peer's side. */
void frame_say(int peer, char kind, const char *words);
size_t frame_put(char *text, char kind, const char *words); /* the same into memory */
void frame_expect(world *w, int peer, char kind, const char *words);
/* One that is parked, after an exchange. */
seen *frame_parked(world *w, int *peer);

#define IS_PARKED(one) (lc_conn_state((one)->conn) == LC_STATE_IDLE)

#endif
