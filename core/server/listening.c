/* listening.c - the listeners of a server: the calls of their owner, and accepting by hand. */
#include "server/listening.h"

#include "base/address.h"
#include "conn/conn.h"
#include "listen/listener.h"
#include "server/adopt.h"
#include "server/fleet.h"
#include "server/member.h"
#include "server/state.h"
#include "server/unclaimed.h"

/* The report keeps this many listeners that were stopped while the server served. */
enum { STOPPED_KEPT = 16 };

/* ------------------------------------------------------------ as their owner -- */

static lc_server *server_of(const lc_listen_owner *owner)
{
  return LC_OWNER(owner, lc_server, listening);
}

static const lc_limit CONNECTIONS = {"max_connections reached", "max_connections: accept resumed"};
static const lc_limit HANDSHAKES = {"max_handshakes reached", "max_handshakes: accept resumed"};

static const lc_limit *limit_reached(const lc_listen_owner *owner, uint32_t *number)
{
  const lc_server *server = server_of(owner);
  if (server->owner.step >= LC_STEP_STOP)
    return NULL; /* the clients in the queue are to be served */
  *number = server->options.max_handshakes;
  if (*number && server->opening >= *number) return &HANDSHAKES;
  *number = server->max_connections;
  return server->registry.counts[LC_STATES] >= *number ? &CONNECTIONS : NULL;
}

static int prepare(lc_listen_owner *owner)
{
  return lc_server_spare(server_of(owner)) ? 0 : -ENOMEM;
}

static int take(lc_listen_owner *owner, int fd, const lc_address *peer, lc_conn **conn)
{
  lc_server *server = server_of(owner);
  int result = lc_server_adopt(server, fd, peer, conn);
  if (result < 0) return result;
  server->report.accepted++;
  if ((*conn)->opening) {
    lc_member_of(*conn)->opening = 1;
    server->opening++;
  }
  if (server->owner.step >= LC_STEP_STOP) server->report.accepted_while_stopping++;
  return 0;
}

static void serve(lc_listen_owner *owner, lc_conn *conn)
{
  const lc_server *server = server_of(owner);
  if (lc_conn_announce(conn) && server->events->opened) server->events->opened(conn, server->user);
}

static void keep(lc_listen_owner *owner, lc_conn *conn, unsigned listener)
{
  (void)owner;
  lc_unclaimed_add(conn, listener);
}

static int frees_soon(const lc_listen_owner *owner)
{
  return server_of(owner)->registry.counts[LC_STATE_CLOSING] > 0;
}

static int lend_descriptor(lc_listen_owner *owner)
{
  lc_server *server = server_of(owner);
  const lc_sys *sys = server->loop->sys;
  if (server->reserve < 0) return 0;
  sys->close(sys, server->reserve);
  server->reserve = -1;
  return 1;
}

static void acceptable(lc_listen_owner *owner)
{
  lc_server *server = server_of(owner);
  if (server->events->acceptable) server->events->acceptable(server, server->user);
}

static void tell(lc_server *server, lc_notice notice, const lc_address *address)
{
  char text[LC_ADDRESS_TEXT_MAX];
  if (!server->events->notice) return;
  if (address) notice.address = lc_address_format(address, text, sizeof text);
  server->events->notice(server, &notice, server->user);
}

static void notice(lc_listen_owner *owner, lc_notice what, const lc_address *address)
{
  lc_server *server = server_of(owner);
  if (what.limit) { /* a limit makes clients wait */
    what.connections = server->registry.counts[LC_STATES];
    server->report.held_back++;
  }
  tell(server, what, address);
}

static void lossy(lc_listen_owner *owner) { server_of(owner)->report.lossless = 0; }

/* Keeps a descriptor in reserve while a listener is open. Listening goes on when none can be
 * had. */
static void changed(lc_listen_owner *owner)
{
  lc_server *server = server_of(owner);
  const lc_sys *sys = server->loop->sys;
  if (!lc_server_is_listening(server)) {
    lend_descriptor(owner);
  } else if (server->reserve < 0) {
    int fd = sys->wake_create(sys); /* the cheapest kind that needs no file */
    server->reserve = fd < 0 ? -1 : fd;
  }
}

static void settled(lc_listen_owner *owner)
{
  lc_server *server = server_of(owner);
  if (!lc_server_is_settling(server)) lc_server_look_again(server);
  lc_server_check(server);
}

static const lc_listen_calls CALLS = {.limit_reached = limit_reached,
                                      .prepare = prepare,
                                      .take = take,
                                      .serve = serve,
                                      .keep = keep,
                                      .frees_soon = frees_soon,
                                      .lend_descriptor = lend_descriptor,
                                      .acceptable = acceptable,
                                      .notice = notice,
                                      .lossy = lossy,
                                      .changed = changed,
                                      .settled = settled};

/* --------------------------------------------------------------- all of them -- */

void lc_listening_init(lc_server *server)
{
  server->reserve = -1;
  server->listening = (lc_listen_owner){.calls = &CALLS,
                                        .loop = server->loop,
                                        .settings = &server->options.settings,
                                        .settle = &server->options.drain.settle,
                                        .serving = !server->options.accepts_by_hand};
  lc_list_init(&server->listening.listeners);
}

static lc_listener *next_of(const lc_server *server, const lc_listener *listener)
{
  return lc_listener_next(&server->listening, listener);
}

static void for_each_listener(lc_server *server, void (*act)(lc_listener *listener))
{
  for (lc_listener *listener = NULL; (listener = next_of(server, listener));) act(listener);
}

void lc_listening_free(lc_server *server)
{
  for (lc_listener *listener; (listener = next_of(server, NULL));) lc_listener_free(listener);
}

void lc_listening_stop(lc_server *server) { for_each_listener(server, lc_listener_stop); }
void lc_listening_stop_now(lc_server *server) { for_each_listener(server, lc_listener_stop_now); }

void lc_listening_unhold(lc_server *server) { for_each_listener(server, lc_listener_unhold); }

/* Keeps the latest stopped listeners for the report. Frees none that closed in this turn, for a
 * caller may still be using it. */
static void forget_old_listeners(lc_server *server)
{
  int closed = 0;
  for (lc_listener *listener = NULL; (listener = next_of(server, listener));)
    closed += lc_listener_is_closed(listener);
  for (lc_listener *listener = next_of(server, NULL), *next; listener; listener = next) {
    next = next_of(server, listener);
    if (!lc_listener_is_closed(listener) || closed-- <= STOPPED_KEPT) continue;
    if (lc_listener_closed_at(listener) >= server->loop->now) continue;
    server->report.stopped_earlier++;
    lc_listener_free(listener);
  }
}

/* ----------------------------------------------------------- opening, stopping -- */

/* A listener that opens after the process told all servers to stop would never be stopped. */
static int may_listen(const lc_server *server)
{
  if (lc_server_is_leaving(server)) return LC_CLOSED;
  return server->fleet->has_stopped ? LC_DRAINING : 0;
}

int lc_server_listen(lc_server *server, const lc_address *address, const lc_listen_options *options)
{
  int result = may_listen(server);
  if (result < 0) return result;
  forget_old_listeners(server);
  return lc_listener_open(&server->listening, address, options);
}

int lc_server_listen_fd(lc_server *server, int fd, const lc_listen_options *options)
{
  int result = may_listen(server);
  if (result < 0) return result;
  forget_old_listeners(server);
  return lc_listener_open_fd(&server->listening, fd, options);
}

static int is_same_address(const lc_address *a, const lc_address *b)
{
  char left[LC_ADDRESS_TEXT_MAX], right[LC_ADDRESS_TEXT_MAX];
  lc_address_format(a, left, sizeof left);
  lc_address_format(b, right, sizeof right);
  for (size_t i = 0; left[i] == right[i]; i++)
    if (!left[i]) return 1;
  return 0;
}

int lc_server_unlisten(lc_server *server, const lc_address *address)
{
  int count = 0;
  for (lc_listener *listener = NULL; (listener = next_of(server, listener));)
    if (!address || is_same_address(address, lc_listener_address(listener)))
      count += lc_listener_stop_later(listener);
  return count;
}

void lc_server_retire(lc_server *server)
{
  server->retiring = 1;
  for_each_listener(server, lc_listener_retire);
  if (server->unclaimed) lc_job_queue_ladder(server->loop, &server->job);
  lc_server_check(server);
}

/* ----------------------------------------------------------------- accepting -- */

int lc_server_accept(lc_server *server, lc_conn **conn)
{
  int any_left = 0;
  *conn = lc_unclaimed_claim(server);
  if (*conn) return 0;
  for (lc_listener *listener = NULL; (listener = next_of(server, listener));) {
    if (lc_listener_is_closed(listener)) continue;
    any_left = 1;
    if (lc_listener_accept(listener, conn) == 0) return 0;
  }
  return any_left ? LC_AGAIN : LC_CLOSED;
}

int lc_server_take_client(lc_server *server, int fd)
{
  lc_address peer = {.length = sizeof(sa_family_t)};
  lc_conn *conn;
  peer.of.any.sa_family = AF_UNIX;
  if (!server->listening.serving) return -EOPNOTSUPP;
  int result = server->loop->sys->set_nonblocking(server->loop->sys, fd);
  if (!result) result = take(&server->listening, fd, &peer, &conn);
  if (!result) serve(&server->listening, conn);
  return result;
}

uint32_t lc_server_unclaimed(const lc_server *server) { return server->unclaimed; }

void lc_server_suspend(lc_server *server) { server->listening.suspended = 1; }

void lc_server_resume(lc_server *server)
{
  server->listening.suspended = 0;
  for_each_listener(server, lc_listener_look_again);
}

void lc_server_serve(lc_server *server, int serving)
{
  server->listening.serving = serving;
  if (!serving) return;
  for_each_listener(server, lc_listener_look_again);
  if (server->unclaimed) lc_job_queue_ladder(server->loop, &server->job);
}

/* ----------------------------------------------------------------- questions -- */

static lc_listener *listener_at(const lc_server *server, unsigned index)
{
  lc_listener *listener = next_of(server, NULL);
  while (listener && index--) listener = next_of(server, listener);
  return listener;
}

int lc_server_address(const lc_server *server, unsigned index, lc_address *address)
{
  for (const lc_listener *listener = NULL; (listener = next_of(server, listener));) {
    if (!lc_listener_is_open(listener) || index--) continue;
    *address = *lc_listener_address(listener);
    return 0;
  }
  return -ENOENT;
}

int lc_server_listener_report(const lc_server *server, unsigned index, lc_listener_report *report)
{
  const lc_listener *listener = listener_at(server, index);
  if (!listener) return -ENOENT;
  lc_listener_describe(listener, report);
  return 0;
}

int lc_server_listener_fd(const lc_server *server, unsigned index)
{
  const lc_listener *listener = listener_at(server, index);
  return listener ? lc_listener_fd(listener) : -1;
}

int lc_server_share(lc_server *server, int fd, int shared)
{
  for (lc_listener *listener = NULL; (listener = next_of(server, listener));) {
    if (lc_listener_fd(listener) != fd) continue;
    lc_listener_share(listener, shared);
    return 0;
  }
  return -ENOENT;
}

void lc_server_set_place(lc_server *server, int place, int group_size)
{
  for (lc_listener *listener = NULL; (listener = next_of(server, listener));)
    lc_listener_set_place(listener, place, group_size);
}

/* --------------------------------------------------------------------- names -- */

/* Replaces the kernel's name of a listener's socket by the address that was listened on. */
static void find_name(const lc_server *server, lc_address *address)
{
  const lc_listener *listener = NULL;
  if (!lc_address_is_path(address)) return;
  while ((listener = lc_listener_next(&server->listening, listener))) {
    if (!lc_listener_is_bound_to(listener, address)) continue;
    *address = *lc_listener_address(listener);
    return;
  }
}

int lc_conn_local(const lc_conn *conn, lc_address *address)
{
  *address = (lc_address){.length = sizeof address->of};
  if (conn->watch.fd < 0) return LC_CLOSED;
  const lc_sys *sys = conn->loop->sys;
  int result = sys->getsockname(sys, conn->watch.fd, &address->of.any, &address->length);
  if (result >= 0 && conn->owner) find_name(lc_conn_server(conn), address);
  return result;
}
