/* odd_world.c - a world whose server speaks over the odd transport, and peers that understand
 * it. */
#include "odd_world.h"

#include "memory.h"

odd_transport odd;
static long live_before;

int odd_set_up(void **state)
{
  live_before = memory_live();
  int result = world_set_up(state);
  world *w = *state;
  odd_init(&odd);
  w->options.transport = &odd.table;
  w->options.drain.settle = 0;
  return result;
}

int odd_tear_down(void **state)
{
  int result = world_tear_down(state);
  assert_int_equal(odd.begun, odd.ended);
  assert_int_equal(memory_live(), live_before);
  return result;
}

odd_peer *odd_come(world *w) { return odd_peer_new(peer_connect(&w->address), 0); }

seen *odd_meet(world *w, odd_peer **peer)
{
  int before = w->count;
  *peer = odd_come(w);
  PUMP_UNTIL(w, *peer, w->count > before && odd_peer_is_open(*peer));
  return &w->conns[before];
}

seen *odd_meet_waiting(world *w, odd_peer **peer, lc_wait wait)
{
  seen *one = odd_meet(w, peer);
  assert_int_equal(lc_conn_await(one->conn), LC_AGAIN);
  lc_conn_wait(one->conn, wait, LC_NEVER);
  return one;
}

void odd_buffer_little(seen *one)
{
  int size = 4096;
  assert_int_equal(setsockopt(lc_conn_fd(one->conn), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

size_t odd_fill_up(world *w, seen *one, odd_peer *peer)
{
  size_t total = 0, more;
  odd_peer_go_deaf(peer);
  odd_buffer_little(one);
  do {
    total += more = world_fill(one);
    world_turn_for(w, 50 * LC_MILLISECOND);
  } while (more);
  return total;
}

void odd_finish_sending(odd_peer *peer)
{
  odd_peer_sign(peer, ODD_LAST);
  odd_peer_pump(peer);
  assert_int_equal(peer->out_start, peer->out_end);
  peer_finish(peer->fd);
}

void odd_until_gone(world *w, odd_peer *peer)
{
  PUMP_UNTIL(w, peer, (peer->heard_end || peer->error) && !lc_server_count(w->server, LC_STATES));
  odd_peer_free(peer);
}
