/* frame_world.c - a world whose server speaks in frames, and its peers. */
#include "frame_world.h"

#include <stdio.h>
#include <unistd.h>

frame_embedder frame_embedder_of_all;
static frame_embedder *const embedder = &frame_embedder_of_all;

/* ----------------------------------------------------------- the embedder -- */

void frame_take(seen *one)
{
  lc_slice slice;
  char words[FRAME_WORDS + 1] = "";
  if (lc_conn_read_exact(one->conn, FRAME_HEAD, &slice) < 0) fail_msg("a unit without a head");
  size_t length = frame_length(slice.data), held = strlen(embedder->words);
  assert_int_equal(lc_conn_read_exact(one->conn, length, &slice), 0); /* it is whole */
  embedder->length = length - 1;
  memcpy(words, slice.data + 1, length - 1 < FRAME_WORDS ? length - 1 : FRAME_WORDS);
  snprintf(embedder->words + held, sizeof embedder->words - held, " %s", words);
}

void frame_end(seen *one)
{
  assert_true(frame_write(one->conn, FRAME_ANSWER, "", 0) > 0);
  embedder->open--;
  lc_conn_unit_ended(one->conn);
}

static void on_unit(seen *one, unsigned what)
{
  if (!(what & LC_UNIT)) return;
  embedder->told++;
  if (++embedder->open > embedder->most_open) embedder->most_open = embedder->open;
  if (embedder->reads) frame_take(one);
  if (!embedder->holds) frame_end(one);
}

void frame_embed(world *w)
{
  *embedder = (frame_embedder){.reads = 1};
  frames = (frame_tally){0};
  w->options.protocol = &frame_protocol;
  w->options.drain.quiet = world_seconds(0.2);
  w->ready = on_unit;
}

int frame_set_up(void **state)
{
  int result = world_set_up(state);
  frame_embed(*state);
  return result;
}

int frame_tear_down(void **state)
{
  int result = world_tear_down(state);
  assert_int_equal(frames.begun, frames.ended);
  return result;
}

/* ------------------------------------------------------------------ peers -- */

size_t frame_put(char *text, char kind, const char *words)
{
  size_t length = strlen(words);
  unsigned char head[FRAME_HEAD + 1];
  frame_write_head(head, kind, length);
  memcpy(text, head, sizeof head);
  memcpy(text + sizeof head, words, length);
  return sizeof head + length;
}

void frame_say(int peer, char kind, const char *words)
{
  char text[WORLD_TEXT];
  size_t size = frame_put(text, kind, words);
  assert_int_equal(send(peer, text, size, MSG_NOSIGNAL | MSG_DONTWAIT), size);
}

void frame_expect(world *w, int peer, char kind, const char *words)
{
  char heard[WORLD_TEXT], wanted[WORLD_TEXT];
  size_t size = frame_put(wanted, kind, words), held = 0;
  TURN_UNTIL(w, (held += peer_take(peer, heard + held, size - held)) == size);
  assert_memory_equal(heard, wanted, size);
}

seen *frame_parked(world *w, int *peer)
{
  seen *one = world_accept(w, peer);
  frame_say(*peer, FRAME_CALL, "hello");
  frame_expect(w, *peer, FRAME_ANSWER, "");
  TURN_UNTIL(w, IS_PARKED(one));
  return one;
}
