/* guess.c - the protocol of a connection whose units only its tasks know: guessed by what they wait for.
 *
 * Whether a connection is between two units decides whose request a drain cuts, so every doubt counts as work. A wait
 * that says so itself (`await`, an iterator over lines) is sure; any other counts as idle after a time of silence.
 */
#include "conn/guess.h"

static int is_between(const lc_conn *conn, const void *state)
{
  (void)state;
  if (lc_buffer_size(conn->in)) return 0;
  switch ((lc_wait)conn->wait) {
    case LC_WAIT_NONE: return 0;
    case LC_WAIT_AWAIT: return 1;
    case LC_WAIT_LINES:
    case LC_WAIT_READ: return conn->declared || (!conn->consumed && conn->tasks <= 1);
  }
  return 0;
}

static int is_sure(const lc_conn *conn, const void *state)
{
  (void)state;
  return (int)conn->declared;
}

const lc_protocol lc_guess = {.name = "guess", .is_between = is_between, .is_sure = is_sure};
