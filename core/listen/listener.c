/* listener.c - opening a listening socket and accepting from it, a bounded share a turn. */
#include "listen/listener.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "conn/conn.h"
#include "kernel/keepalive.h"
#include "listen/unix_path.h"
#include "server/server.h"

#define RETRY_FIRST (5 * LC_MILLISECOND)
#define RETRY_LONGEST LC_SECOND

void lc_listen_options_init(lc_listen_options *options)
{
  *options = (lc_listen_options){.backlog = 4096, .reuseaddr = 1, .unix_mode = -1};
}

/* -------------------------------------------------------------- accepting -- */

/* What became of one client while it queued, or a signal: the next one may be fine. Whatever else
 * accept says (too few descriptors, too little memory) it would say again at once. */
static int is_passing(int code)
{
  switch (code) {
    case -ECONNABORTED:
    case -EINTR:
    case -EPROTO:
    case -ENETDOWN:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -ETIMEDOUT: return 1;
    default: return 0;
  }
}

/* While listening goes on, the others' ends free descriptors; when it ends, nothing else may, so the one
 * in reserve lets those who queue be served, one after the other. */
static int lacks_descriptors(int code) { return code == -EMFILE || code == -ENFILE; }

int lc_listener_queue_length(const lc_listener *listener)
{
  const lc_sys *sys = listener->server->loop->sys;
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (listener->address.of.any.sa_family == AF_UNIX) return -1;
  if (sys->getsockopt(sys, listener->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
    return -1;
  return (int)info.tcpi_unacked;
}

int lc_listener_has_queue(const lc_listener *listener)
{
  const lc_sys *sys = listener->server->loop->sys;
  struct pollfd one = {.fd = listener->watch.fd, .events = POLLIN};
  return sys->poll(sys, &one, 1, 0) > 0;
}

/* Clients wait because of a limit. */
static void tell_limit(lc_listener *listener, lc_notice notice, uint32_t limit)
{
  lc_server *server = listener->server;
  int queue = lc_listener_queue_length(listener);
  notice.limit = limit;
  notice.connections = server->registry.counts[LC_STATES];
  notice.queue = (uint32_t)(queue >= 0 ? queue : lc_listener_has_queue(listener));
  server->report.held_back++;
  lc_server_tell(server, notice, &listener->address);
}

/* Once, until nobody waits any more: at the limit every end lets one in. */
static void tell_full(lc_listener *listener)
{
  lc_server *server = listener->server;
  if (server->is_full_told || server->suspended || !lc_listener_has_queue(listener)) return;
  server->is_full_told = 1;
  tell_limit(listener, (lc_notice){.event = "max_connections reached"}, server->max_connections);
}

static void tell_room(lc_listener *listener)
{
  lc_server *server = listener->server;
  if (!server->is_full_told) return;
  server->is_full_told = 0;
  lc_server_notice(server, "max_connections: accept resumed", 0, &listener->address, 0);
}

static void pause_accepting(lc_listener *listener, int code)
{
  lc_loop *loop = listener->server->loop;
  int is_first = !listener->retry_after;
  lc_time wait = is_first ? RETRY_FIRST : listener->retry_after * 2;
  listener->retry_after = wait > RETRY_LONGEST ? RETRY_LONGEST : wait;
  listener->paused = 1;
  if (listener->state == LC_LISTENER_OPEN) /* else the stop's own timer asks again */
    lc_timer_set(loop, &listener->timer, loop->now + listener->retry_after);
  if (!is_first) return;
  lc_notice notice = {.event = "accept paused", .code = code, .retry = listener->retry_after};
  int limit = lacks_descriptors(code) ? loop->sys->descriptor_limit(loop->sys) : 0;
  if (limit > 0) tell_limit(listener, notice, (uint32_t)limit);
  else lc_server_tell(listener->server, notice, &listener->address);
}

static void accepting_again(lc_listener *listener)
{
  if (!listener->retry_after) return;
  listener->retry_after = 0;
  lc_server_notice(listener->server, "accept resumed", 0, &listener->address, 0);
}

static int adopt(lc_listener *listener, int fd, const lc_address *peer, lc_conn **conn)
{
  lc_server *server = listener->server;
  int result = lc_server_adopt(server, fd, peer, conn);
  if (result < 0) {
    server->loop->sys->close(server->loop->sys, fd);
    return result;
  }
  server->report.accepted++;
  if (server->step >= LC_STEP_STOP) server->report.accepted_while_stopping++;
  return 0;
}

static int must_hold(const lc_listener *listener)
{
  const lc_server *server = listener->server;
  if (listener->state != LC_LISTENER_OPEN) return 0; /* a stop holds nobody back */
  return server->suspended || lc_server_is_full(server);
}

/* Hands out the one that was accepted ahead, unless it has ended and left meanwhile. */
static int take_ahead(lc_listener *listener, lc_conn **conn)
{
  *conn = listener->ahead;
  if (!*conn) return 0;
  listener->ahead = NULL;
  int is_there = lc_conn_server(*conn) != NULL;
  lc_conn_unref(*conn);
  return is_there;
}

void lc_listener_accept_ahead(lc_listener *listener)
{
  const lc_server *server = listener->server;
  lc_conn *conn;
  if (listener->ahead || lc_listener_accept(listener, &conn) < 0) return;
  listener->ahead = lc_conn_ref(conn);
  if (server->events->acceptable) server->events->acceptable(listener->server, server->user);
}

int lc_listener_accept(lc_listener *listener, lc_conn **conn)
{
  const lc_sys *sys = listener->server->loop->sys;
  if (take_ahead(listener, conn)) return 0;
  if (listener->state == LC_LISTENER_CLOSED || listener->paused) return LC_AGAIN;
  if (must_hold(listener)) {
    listener->held = 1;
    tell_full(listener);
    return LC_AGAIN;
  }
  for (int skipped = 0; skipped < LC_ACCEPTS_PER_TURN; skipped++) {
    if (!lc_server_spare(listener->server)) {
      pause_accepting(listener, -ENOMEM);
      return -ENOMEM;
    }
    lc_address peer = {.length = sizeof peer.of};
    int fd = sys->accept(sys, listener->watch.fd, &peer.of.any, &peer.length);
    if (fd == -EAGAIN) {
      accepting_again(listener); /* a shortage is found out without a client too */
      tell_room(listener);
      if (listener->state != LC_LISTENER_OPEN) lc_listener_stop_empty(listener);
      return LC_AGAIN;
    }
    if (is_passing(fd)) continue;
    if (lacks_descriptors(fd) && listener->state != LC_LISTENER_OPEN &&
        lc_server_give_reserve(listener->server))
      continue;
    if (fd < 0) {
      pause_accepting(listener, fd);
      return fd;
    }
    if (peer.length == 0 || peer.of.any.sa_family == AF_UNSPEC) peer.of.any.sa_family = AF_UNIX;
    int result = adopt(listener, fd, &peer, conn);
    if (result < 0) pause_accepting(listener, result); /* no event will tell of those behind it */
    else accepting_again(listener);
    return result;
  }
  lc_job_queue(listener->server->loop, &listener->job);
  return LC_AGAIN;
}

void lc_listener_accept_share(lc_listener *listener)
{
  lc_server *server = listener->server;
  if (listener->state == LC_LISTENER_CLOSED) return;
  if (!server->serving) {
    if (server->events->acceptable) server->events->acceptable(server, server->user);
    return;
  }
  for (int i = 0; i < LC_ACCEPTS_PER_TURN; i++) {
    lc_conn *conn;
    if (lc_listener_accept(listener, &conn) < 0) return;
    server->events->opened(conn, server->user);
  }
  lc_job_queue(server->loop, &listener->job);
}

void lc_listener_unhold(lc_listener *listener)
{
  if (!listener->held || listener->state == LC_LISTENER_CLOSED || must_hold(listener)) return;
  listener->held = 0;
  lc_job_queue(listener->server->loop, &listener->job);
}

static void listener_ready(lc_watch *watch, uint32_t events)
{
  lc_listener *listener = LC_OWNER(watch, lc_listener, watch);
  (void)events;
  lc_listener_accept_share(listener);
}

static void listener_job(lc_job *job)
{
  lc_listener *listener = LC_OWNER(job, lc_listener, job);
  const lc_server *server = listener->server;
  if (listener->stop_wanted) lc_listener_stop(listener);
  if (listener->state == LC_LISTENER_CLOSED) { /* who waits in accept hears that it is over */
    if (!server->serving && server->events->acceptable)
      server->events->acceptable(listener->server, server->user);
  } else {
    lc_listener_accept_share(listener);
  }
}

static void listener_due(lc_timer *timer, lc_time now)
{
  lc_listener *listener = LC_OWNER(timer, lc_listener, timer);
  listener->paused = 0;
  if (listener->state == LC_LISTENER_OPEN) lc_listener_accept_share(listener);
  else lc_listener_stop_due(listener, now);
}

/* ---------------------------------------------------------------- opening -- */

static int set(const lc_sys *sys, int fd, int level, int name, int value)
{
  int result;
  LC_RETRY(result, sys->setsockopt(sys, fd, level, name, &value, sizeof value));
  return result;
}

static int prepare(const lc_sys *sys, int fd, const lc_address *address,
                   const lc_listen_options *options)
{
  int family = address->of.any.sa_family, result = 0;
  if (family == AF_UNIX) return 0;
  if (options->reuseaddr) result = set(sys, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!result && options->reuseport) result = set(sys, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (!result && family == AF_INET6)
    result = set(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
  if (!result && options->defer_accept)
    result = set(sys, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, options->defer_accept);
  return result;
}

static lc_listener *listener_new(lc_server *server, const lc_listen_options *options)
{
  lc_listener *listener = calloc(1, sizeof *listener);
  if (!listener) return NULL;
  listener->watch.fd = listener->diag = -1;
  listener->watch.ready = listener_ready;
  listener->server = server;
  listener->backlog = options->backlog;
  listener->is_shared = options->shared;
  listener->in_group = options->reuseport;
  listener->place = options->reuseport_place;
  listener->group_size = options->reuseport_of;
  listener->defers = options->defer_accept > 0;
  listener->lossless = 1;
  lc_list_init(&listener->in_server);
  lc_job_init(&listener->job, listener_job);
  if (!lc_timer_open(server->loop, &listener->timer, listener_due)) return listener;
  free(listener);
  return NULL;
}

void lc_listener_free(lc_listener *listener)
{
  lc_listener_close(listener);
  lc_timer_close(listener->server->loop, &listener->timer);
  lc_job_cancel(&listener->job);
  lc_list_remove(&listener->in_server);
  free(listener);
}

/* From here on it is one of the server's. */
static int begin(lc_listener *listener)
{
  lc_server *server = listener->server;
  const lc_sys *sys = server->loop->sys;
  lc_address bound = {.length = sizeof bound.of};
  int result = sys->getsockname(sys, listener->watch.fd, &bound.of.any, &bound.length);
  if (result < 0) return result;
  if (!listener->file.inode)
    listener->address = bound; /* else the kernel knows it by another name */
  if (listener->address.of.any.sa_family != AF_UNIX) lc_loop_features(server->loop);
  result = lc_loop_watch(server->loop, &listener->watch, EPOLLIN | EPOLLET);
  if (result < 0) return result;
  lc_list_append(&server->listeners, &listener->in_server);
  sys->listening(sys, 1);
  lc_server_reserve(server);
  return 0;
}

static int bind_and_listen(lc_listener *listener, const lc_address *address,
                           const lc_listen_options *options)
{
  lc_server *server = listener->server;
  const lc_sys *sys = server->loop->sys;
  int fd = listener->watch.fd;
  listener->address = *address;
  int result = prepare(sys, fd, address, options);
  if (!result)
    result =
      lc_keepalive_apply(sys, fd, address->of.any.sa_family, &server->options.settings, NULL);
  if (!result && options->control) result = options->control(fd, options->user);
  if (result < 0) return result;
  if (lc_address_is_path(address)) {
    result = lc_unix_path_listen(sys, fd, address, options->unix_mode, options->backlog,
                                 &listener->bound, &listener->file);
  } else {
    result = sys->bind(sys, fd, &address->of.any, address->length);
    if (!result) result = sys->listen(sys, fd, options->backlog);
  }
  return result ? result : begin(listener);
}

static const lc_listen_options *or_defaults(const lc_listen_options *options,
                                            lc_listen_options *defaults)
{
  if (options) return options;
  lc_listen_options_init(defaults);
  return defaults;
}

int lc_listener_open(lc_server *server, const lc_address *address, const lc_listen_options *options)
{
  lc_listen_options defaults;
  options = or_defaults(options, &defaults);
  const lc_sys *sys = server->loop->sys;
  lc_listener *listener = listener_new(server, options);
  if (!listener) return -ENOMEM;
  int result = sys->socket(sys, address->of.any.sa_family, SOCK_STREAM, 0);
  if (result >= 0) {
    listener->watch.fd = result;
    listener->address = *address; /* so that a path is removed, should the rest fail */
    result = bind_and_listen(listener, address, options);
  }
  if (result < 0) lc_listener_free(listener);
  return result;
}

int lc_listener_take(lc_server *server, int fd, const lc_listen_options *options)
{
  lc_listen_options defaults;
  options = or_defaults(options, &defaults);
  const lc_sys *sys = server->loop->sys;
  int listening = 0;
  socklen_t length = sizeof listening;
  int result = sys->getsockopt(sys, fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
  if (result < 0) return result;
  if (!listening) return -EINVAL;
  result = sys->set_nonblocking(sys, fd);
  if (result < 0) return result;
  lc_listener *listener = listener_new(server, options);
  if (!listener) return -ENOMEM;
  listener->watch.fd = fd;
  result = begin(listener);
  if (!result && listener->address.of.any.sa_family != AF_UNIX)
    result = lc_keepalive_apply(sys, fd, listener->address.of.any.sa_family,
                                &server->options.settings, NULL);
  if (result < 0) { /* it stays the caller's */
    lc_loop_unwatch(server->loop, &listener->watch);
    listener->watch.fd = -1;
    lc_listener_free(listener);
    lc_server_reserve(server); /* which may have been for it alone */
  }
  return result;
}
