/* server.c - listeners and connections under one roof. */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "conn/conn.h"
#include "kernel/keepalive.h"
#include "listen/listener.h"
#include "server/fleet.h"
#include "server/options.h"

/* Descriptors that are not for connections: files, logs, upstreams, the loop's own. */
enum { RESERVED_DESCRIPTORS = 32 };
/* Listeners stopped while the server serves on, each told of in its report. */
enum { STOPPED_KEPT = 16 };

static uint32_t default_limit(const lc_sys *sys)
{
  int limit = sys->descriptor_limit(sys), open = sys->descriptors_open(sys);
  int left = limit - (open > 0 ? open : 0) - RESERVED_DESCRIPTORS;
  if (limit < 0 || left < 1) return 1;
  return (uint32_t)left;
}

static void server_end(lc_child *child) { lc_server_free(LC_OWNER(child, lc_server, child)); }

lc_server *lc_server_new(lc_loop *loop, const lc_server_options *options, const lc_events *events,
                         void *user, int *error)
{
  lc_server *server = calloc(1, sizeof *server);
  if (!server) goto no_memory;
  server->loop = loop;
  if (options) server->options = *options;
  else lc_server_options_init(&server->options);
  lc_drain_options_fit(&server->options.drain);
  lc_settings_fit(&server->options.settings);
  server->events = events;
  server->user = user;
  server->max_connections =
    server->options.max_connections ? server->options.max_connections : default_limit(loop->sys);
  server->is_outbound = server->options.is_outbound;
  server->serving = events->opened != NULL;
  server->cancel_at = server->kill_at = LC_NEVER;
  server->visit_at = server->mark_at = LC_NEVER;
  server->report.lossless = 1;
  server->reserve = -1;
  lc_list_init(&server->listeners);
  lc_registry_init(&server->registry);
  lc_fleet *fleet = lc_fleet_of(loop);
  if (!fleet || lc_drain_open(server) < 0) goto no_memory;
  lc_loop_add_child(loop, &server->child, server_end);
  lc_fleet_add(fleet, server);
  return server;
no_memory:
  free(server);
  if (error) *error = -ENOMEM;
  return NULL;
}

/* Those that are closing in order go on without us, in the kernel's hands; the others are cut. */
static void abandon(lc_conn *conn)
{
  if (conn->state == LC_STATE_CLOSING) lc_closing_give_up(conn);
  else lc_conn_abort(conn, "server freed");
}

void lc_server_free(lc_server *server)
{
  if (!server) return;
  server->events = &(const lc_events){0};
  while (!lc_list_is_empty(&server->listeners))
    lc_listener_free(LC_OWNER(server->listeners.next, lc_listener, in_server));
  for (lc_conn *conn; (conn = lc_registry_next(&server->registry, NULL));) {
    abandon(conn);
    lc_registry_remove(&server->registry, conn);
    lc_conn_orphan(conn);
    lc_conn_unref(conn);
  }
  if (server->spare) lc_conn_unref(server->spare);
  lc_registry_free(&server->registry);
  lc_timer_close(server->loop, &server->timer);
  lc_pulse_want(server->loop->pulse, &server->want, LC_NEVER);
  lc_job_cancel(&server->job);
  lc_fleet_remove(server->fleet, server);
  lc_loop_remove_child(&server->child);
  free(server);
}

void lc_server_reset_at_exit(lc_server *server)
{
  static const struct linger none = {.l_onoff = 1, .l_linger = 0};
  const lc_sys *sys = server->loop->sys;
  for (lc_conn *conn = NULL; (conn = lc_registry_next(&server->registry, conn));)
    if (conn->watch.fd >= 0)
      sys->setsockopt(sys, conn->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/* ------------------------------------------------------------ connections -- */

int lc_server_is_full(const lc_server *server)
{
  if (server->step >= LC_STEP_STOP) return 0; /* those in the queue are to be served */
  return server->registry.counts[LC_STATES] >= server->max_connections;
}

lc_conn *lc_server_spare(lc_server *server)
{
  if (!server->spare) server->spare = lc_conn_new(server);
  return server->spare;
}

int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn)
{
  lc_conn *spare = lc_server_spare(server);
  if (!spare) return -ENOMEM;
  lc_peer_pack(&spare->peer, peer);
  int result = lc_conn_begin(spare, fd);
  if (result < 0) return result;
  server->spare = NULL;
  *conn = spare;
  return 0;
}

/* Where there is none to be had, there is none in reserve: listening does not fail for it. */
void lc_server_reserve(lc_server *server)
{
  const lc_sys *sys = server->loop->sys;
  if (!lc_server_is_listening(server)) {
    lc_server_give_reserve(server);
  } else if (server->reserve < 0) {
    int fd = sys->wake_create(sys); /* the cheapest kind that needs no file */
    server->reserve = fd < 0 ? -1 : fd;
  }
}

int lc_server_give_reserve(lc_server *server)
{
  const lc_sys *sys = server->loop->sys;
  if (server->reserve < 0) return 0;
  sys->close(sys, server->reserve);
  server->reserve = -1;
  return 1;
}

void lc_server_departed(lc_server *server)
{
  if (!server->suspended && !lc_server_is_full(server)) {
    for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next)
      lc_listener_unhold(LC_OWNER(link, lc_listener, in_server));
  }
  if (server->events->departed) server->events->departed(server, server->user);
  lc_drain_check(server);
}

int lc_conn_connect(lc_server *server, const lc_address *to, const lc_address *from, int nodelay,
                    lc_conn **conn)
{
  const lc_sys *sys = server->loop->sys;
  int fd = sys->socket(sys, to->of.any.sa_family, SOCK_STREAM, 0), result;
  if (fd < 0) return fd;
  lc_settings settings = server->options.settings;
  settings.nodelay = nodelay;
  result = lc_keepalive_apply(sys, fd, to->of.any.sa_family, &settings, NULL);
  if (!result && from) result = sys->bind(sys, fd, &from->of.any, from->length);
  if (!result) LC_RETRY(result, sys->connect(sys, fd, &to->of.any, to->length));
  int in_progress = result == -EINPROGRESS || result == -EALREADY;
  if (result < 0 && !in_progress) goto failed;
  result = lc_server_adopt(server, fd, to, conn);
  if (result < 0) goto failed;
  (*conn)->connecting = 1; /* the first OUT edge tells, also when it has succeeded already */
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
failed:
  sys->close(sys, fd);
  return result == -EAGAIN ? -ECONNREFUSED : result; /* a unix listener whose queue is full */
}

int lc_conn_adopt(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn)
{
  const lc_sys *sys = server->loop->sys;
  lc_address peer = {.length = sizeof peer.of};
  int result = sys->getpeername(sys, fd, &peer.of.any, &peer.length);
  if (result < 0) return result;
  lc_conn *spare = lc_server_spare(server);
  lc_conn_extra *extra = spare ? lc_conn_need_extra(spare) : NULL;
  if (!extra) return -ENOMEM;
  if (settings) {
    extra->settings = *settings;
    lc_settings_fit(&extra->settings);
    extra->has_settings = 1;
  }
  result = lc_server_adopt(server, fd, &peer, conn);
  if (result < 0) {
    extra->has_settings = 0; /* the spare is somebody else's next */
    return result;
  }
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
}

/* -------------------------------------------------------------- listeners -- */

/* Listeners that were stopped one by one stay for the report, the latest of them; never one of this
 * turn, which somebody may be at. */
static void forget_old_listeners(lc_server *server)
{
  int kept = 0;
  for (lc_link *link = server->listeners.previous, *next; link != &server->listeners; link = next) {
    lc_listener *listener = LC_OWNER(link, lc_listener, in_server);
    next = link->previous;
    if (listener->state != LC_LISTENER_CLOSED || ++kept <= STOPPED_KEPT) continue;
    if (listener->stop_began + listener->settled >= server->loop->now) continue;
    server->report.stopped_earlier++;
    lc_listener_free(listener);
  }
}

/* Nobody would come to stop a listener that is opened when the others have been told to. */
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
  return lc_listener_open(server, address, options);
}

int lc_server_listen_fd(lc_server *server, int fd, const lc_listen_options *options)
{
  int result = may_listen(server);
  if (result < 0) return result;
  forget_old_listeners(server);
  return lc_listener_take(server, fd, options);
}

static lc_listener *listener_at(const lc_server *server, unsigned index)
{
  for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next)
    if (!index--) return LC_OWNER(link, lc_listener, in_server);
  return NULL;
}

int lc_server_address(const lc_server *server, unsigned index, lc_address *address)
{
  for (unsigned i = 0;; i++) {
    const lc_listener *listener = listener_at(server, i);
    if (!listener) return -ENOENT;
    if (listener->state != LC_LISTENER_OPEN || index--) continue;
    *address = listener->address;
    return 0;
  }
}

int lc_server_listener_report(const lc_server *server, unsigned index, lc_listener_report *report)
{
  const lc_listener *listener = listener_at(server, index);
  if (!listener) return -ENOENT;
  *report = (lc_listener_report){.address = listener->address,
                                 .method = listener->method,
                                 .lossless = listener->lossless,
                                 .is_unknown = listener->is_unknown,
                                 .is_closed = listener->state == LC_LISTENER_CLOSED,
                                 .settled = listener->settled};
  return 0;
}

int lc_server_listener_fd(const lc_server *server, unsigned index)
{
  const lc_listener *listener = listener_at(server, index);
  return listener && listener->state != LC_LISTENER_CLOSED ? listener->watch.fd : -1;
}

static void retire(lc_listener *listener)
{
  lc_server *server = listener->server;
  if (listener->state != LC_LISTENER_OPEN) {
    lc_listener_stop_now(listener);
    return;
  }
  listener->method = "close";
  listener->stop_began = server->loop->now;
  listener->lossless = listener->is_shared || !lc_listener_has_queue(listener);
  if (!listener->lossless) server->report.lossless = 0;
  lc_listener_close(listener);
}

void lc_server_retire(lc_server *server)
{
  server->retiring = 1;
  for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next)
    retire(LC_OWNER(link, lc_listener, in_server));
  lc_drain_check(server);
}

void lc_server_told_address(const lc_server *server, lc_address *address)
{
  if (!lc_address_is_path(address)) return;
  for (const lc_link *link = server->listeners.next; link != &server->listeners;
       link = link->next) {
    const lc_listener *listener = LC_OWNER(link, lc_listener, in_server);
    if (!listener->file.inode) continue;
    if (strcmp(listener->bound.of.un.sun_path, address->of.un.sun_path) != 0) continue;
    *address = listener->address;
    return;
  }
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
  for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next) {
    lc_listener *listener = LC_OWNER(link, lc_listener, in_server);
    if (listener->state != LC_LISTENER_OPEN || listener->stop_wanted) continue;
    if (address && !is_same_address(address, &listener->address)) continue;
    listener->stop_wanted = 1;
    lc_job_queue(server->loop, &listener->job);
    count++;
  }
  return count;
}

void lc_server_suspend(lc_server *server) { server->suspended = 1; }

/* There was no event for who came while nobody accepted. */
static void look_again(lc_server *server)
{
  for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next) {
    lc_listener *listener = LC_OWNER(link, lc_listener, in_server);
    listener->held = 1;
    lc_listener_unhold(listener);
  }
}

void lc_server_resume(lc_server *server)
{
  server->suspended = 0;
  look_again(server);
}

void lc_server_serve(lc_server *server, int serving)
{
  server->serving = serving;
  if (serving) look_again(server);
}

int lc_server_accept(lc_server *server, lc_conn **conn)
{
  int any_left = 0;
  for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next) {
    lc_listener *listener = LC_OWNER(link, lc_listener, in_server);
    if (listener->state == LC_LISTENER_CLOSED) continue;
    any_left = 1;
    if (lc_listener_accept(listener, conn) == 0) return 0;
  }
  return any_left ? LC_AGAIN : LC_CLOSED;
}

int lc_server_is_listening(const lc_server *server)
{
  for (lc_link *link = server->listeners.next; link != &server->listeners; link = link->next)
    if (LC_OWNER(link, lc_listener, in_server)->state != LC_LISTENER_CLOSED) return 1;
  return 0;
}

void lc_server_tell(lc_server *server, lc_notice notice, const lc_address *address)
{
  char text[LC_ADDRESS_TEXT_MAX];
  if (!server->events->notice) return;
  if (address) notice.address = lc_address_format(address, text, sizeof text);
  server->events->notice(server, &notice, server->user);
}

void lc_server_notice(lc_server *server, const char *event, int code, const lc_address *address,
                      lc_time retry)
{
  lc_server_tell(server, (lc_notice){.event = event, .code = code, .retry = retry}, address);
}

/* ------------------------------------------------------------- properties -- */

lc_loop *lc_server_loop(const lc_server *server) { return server->loop; }
void *lc_server_user(const lc_server *server) { return server->user; }
lc_step lc_server_step(const lc_server *server) { return server->step; }
int lc_server_is_leaving(const lc_server *server) { return server->wanted > LC_STEP_SERVING; }
const lc_report *lc_server_report(const lc_server *server) { return &server->report; }

const lc_server_options *lc_server_options_get(const lc_server *server) { return &server->options; }

uint32_t lc_server_count(const lc_server *server, lc_state state)
{
  return state <= LC_STATES ? server->registry.counts[state] : 0;
}

lc_conn *lc_server_next(const lc_server *server, const lc_conn *conn)
{
  return lc_registry_next(&server->registry, conn);
}

lc_conn *lc_server_find(const lc_server *server, uint64_t id)
{
  return lc_registry_find(&server->registry, id);
}

void lc_server_hold(lc_server *server) { server->holds++; }

void lc_server_release(lc_server *server)
{
  server->holds--;
  lc_drain_check(server);
}

void lc_server_count_canceled(lc_server *server, lc_conn *conn)
{
  if (conn->counted_canceled) return;
  conn->counted_canceled = 1;
  server->report.canceled++;
}

void lc_server_count_killed(lc_server *server, lc_conn *conn)
{
  if (conn->counted_killed) return;
  conn->counted_killed = 1;
  server->report.killed++;
}
