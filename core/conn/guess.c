/* guess.c - the protocol of a connection whose units only its tasks know. It guesses the units from
 * what the tasks wait for.
 *
 * A drain closes a connection that it takes for idle. A wrong guess would cut a request, so every
 * doubt counts as work. `await` and an iterator over lines declare that the connection is between
 * two units, and the drain believes them at once. Any other wait counts as idle only after a time
 * of silence.
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
