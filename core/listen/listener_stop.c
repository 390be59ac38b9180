/* listener_stop.c - stopping a listener so that every client whose connect() succeeded is served.
 *
 *   open --+-- TCP, ours ---> [widening] ---> settling ---> emptying ---> closed
 *          |                  a moment for a  no SYN finds  accept until
 *          |                  small backlog   it any more;  nobody is left
 *          |                                  handshakes
 *          |                                  under way end
 *          +-- one of a SO_REUSEPORT group: the same, and new clients are steered to the others
 *          +-- TCP, ours, but it cannot be hidden ------> emptying ---> closed   (not lossless)
 *          +-- unix ---> shutdown(SHUT_RD) ---> emptying ---> closed
 *          `-- shared with another process ---> closed: the queue is the socket's, not ours
 *
 * close() on a TCP listener resets its queue and every handshake under way, and
 * so does "accept until there is nobody, then close": the client that has had
 * our SYN-ACK counts itself connected. Hiding takes the socket out of the look-up
 * for new connections (they are refused at once), while a handshake already
 * begun is found through its own request socket and completes. The descriptor is
 * valid in every state but closed; connections are accepted in all of them.
 *
 * A hidden member of a group is still dealt clients, whose SYNs come to nothing: they are served by
 * another when they repeat it, a second later. Hence steering, where our place is known. The program
 * outlives its author, so it is taken away just before close(), while we are hidden: whoever is dealt to
 * us in between is late and not lost.
 */
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "kernel/reuseport.h"
#include "kernel/sock_diag.h"
#include "listen/listener.h"
#include "listen/unix_path.h"
#include "server/server.h"

#define NO_SUCH_INTERFACE 0x7fffffff
#define SMALL_BACKLOG 1024 /* below it, a burst means syncookies, which leave nothing to settle */
#define WIDENING (150 * LC_MILLISECOND)
#define WIDENING_DROPPED (3300 * LC_MILLISECOND) /* a client's fifth attempt: 0.2 s, doubled */
#define SETTLE_AT_LEAST (100 * LC_MILLISECOND)
#define SETTLE_BLIND LC_SECOND /* at most, where half-open handshakes cannot be counted */
#define SETTLE_DEFERRED (1100 * LC_MILLISECOND) /* the SYN-ACK timer of a client kept half-open */
#define LOOK_EVERY (20 * LC_MILLISECOND)
#define LOOK_COST 10 /* looking takes at most a tenth of the time */
#define EMPTY_EVERY (5 * LC_MILLISECOND)

static void wait_until(lc_listener *listener, lc_time at)
{
  lc_timer_set(listener->server->loop, &listener->timer, at);
}

static void not_lossless(lc_listener *listener, const char *event, int code)
{
  listener->lossless = listener->is_unknown = 0;
  listener->server->report.lossless = 0;
  lc_server_notice(listener->server, event, code, &listener->address, 0);
}

static void not_known(lc_listener *listener, const char *event, int code)
{
  int was_lossless = listener->lossless;
  not_lossless(listener, event, code);
  listener->is_unknown = was_lossless;
}

/* While the socket is open, so that no new file can have the number of ours. */
static void forget_path(lc_listener *listener)
{
  if (!listener->file.inode || listener->is_shared) return;
  lc_unix_path_remove(listener->server->loop->sys, &listener->address, &listener->file);
}

static void unsteer(lc_listener *listener)
{
  int result = -EOPNOTSUPP; /* we would be dealt clients again, and reset them */
  if (listener->is_hidden)
    result = lc_reuseport_release(listener->server->loop->sys, listener->watch.fd);
  listener->is_steered = 0;
  if (result < 0) /* another member must, or one of them may get no clients */
    lc_server_notice(listener->server, "group still steered", result, &listener->address, 0);
}

static void stop_counting(lc_listener *listener, int code)
{
  const lc_sys *sys = listener->server->loop->sys;
  if (listener->diag >= 0) sys->close(sys, listener->diag);
  listener->diag = code;
}

void lc_listener_close(lc_listener *listener)
{
  lc_loop *loop = listener->server->loop;
  if (listener->watch.fd < 0) return;
  stop_counting(listener, LC_CLOSED);
  lc_loop_unwatch(loop, &listener->watch);
  if (listener->is_steered) unsteer(listener);
  forget_path(listener);
  loop->sys->close(loop->sys, listener->watch.fd);
  listener->watch.fd = -1;
  if (listener->ahead) {
    lc_conn_abort(listener->ahead, "not accepted");
    lc_conn_unref(listener->ahead);
    listener->ahead = NULL;
  }
  if (!lc_list_is_empty(&listener->in_server)) loop->sys->listening(loop->sys, -1);
  listener->state = LC_LISTENER_CLOSED;
  listener->settled = loop->now - listener->stop_began;
  lc_timer_clear(loop, &listener->timer);
  lc_job_cancel(&listener->job);
  lc_server_reserve(listener->server);
}

static void finish(lc_listener *listener)
{
  lc_listener_close(listener);
  if (!listener->server->serving) lc_job_queue(listener->server->loop, &listener->job);
  lc_drain_settled(listener->server);
  lc_drain_check(listener->server);
}

/* Nobody new can come: whoever is in the queue is accepted, then it ends. */
static void empty(lc_listener *listener)
{
  lc_server *server = listener->server;
  int again = listener->state == LC_LISTENER_EMPTYING;
  /* A script that accepts by hand may have ceased to; accept may have no descriptor to give. */
  if (again && (!server->serving || listener->retry_after) &&
      lc_listener_queue_length(listener) == 0) {
    finish(listener);
    return;
  }
  listener->state = LC_LISTENER_EMPTYING;
  wait_until(listener, server->loop->now + EMPTY_EVERY);
  if (server->serving) lc_listener_accept_share(listener);
  else if (again && lc_listener_queue_length(listener) < 0) lc_listener_accept_ahead(listener);
}

void lc_listener_stop_empty(lc_listener *listener)
{
  if (listener->state == LC_LISTENER_EMPTYING) finish(listener);
}

/* ---------------------------------------------------------------- settling -- */

/* Away from a member of a group that stops; without it they find the others in the end, but late. */
static void steer(lc_listener *listener)
{
  int result = lc_reuseport_steer(listener->server->loop->sys, listener->watch.fd, listener->place,
                                  listener->group_size);
  listener->is_steered = result == 0;
  if (result < 0)
    lc_server_notice(listener->server, "stop not steered", result, &listener->address, 0);
}

static int hide(lc_listener *listener)
{
  const lc_sys *sys = listener->server->loop->sys;
  int nowhere = NO_SUCH_INTERFACE, result;
  LC_RETRY(result, sys->setsockopt(sys, listener->watch.fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere,
                                   sizeof nowhere));
  return result;
}

static void settle(lc_listener *listener)
{
  lc_loop *loop = listener->server->loop;
  if (listener->group_size > 1) steer(listener);
  int result = lc_loop_features(loop)->hide_code;
  if (!result) result = hide(listener);
  listener->is_hidden = result == 0;
  if (result < 0 && !listener->is_steered) {
    listener->method = "accept-close";
    not_lossless(listener, "stop degraded", result);
    empty(listener);
    return;
  }
  listener->method = listener->is_steered ? "steer" : "hide";
  listener->state = LC_LISTENER_SETTLING;
  listener->hidden_at = loop->sys->now(loop->sys);
  listener->diag = lc_sock_diag_open(loop->sys);
  wait_until(listener, loop->now + (listener->defers ? SETTLE_DEFERRED : SETTLE_AT_LEAST));
}

static uint16_t port_of(const lc_address *address)
{
  return ntohs(address->of.any.sa_family == AF_INET6 ? address->of.in6.sin6_port
                                                     : address->of.in.sin_port);
}

/* How many handshakes with us are under way, or a code. A group's other members begin new ones on the
 * port all the time: there only those count that are older than our hiding. */
static int handshakes(const lc_listener *listener)
{
  const lc_sys *sys = listener->server->loop->sys;
  const lc_address *address = &listener->address;
  int tells_age = listener->in_group && !listener->defers;
  return lc_sock_diag_half_open_for(sys, listener->diag, address->of.any.sa_family,
                                    port_of(address),
                                    tells_age ? sys->now(sys) - listener->hidden_at : 0);
}

/* Without sight of the handshakes, as long as is reasonable. */
static int is_settled_blindly(lc_listener *listener, lc_time now, lc_time *again)
{
  lc_time limit = listener->server->options.drain.settle;
  *again = listener->hidden_at + (limit < SETTLE_BLIND ? limit : SETTLE_BLIND);
  if (now < *again) return 0;
  not_known(listener, "stop unseen", listener->diag);
  return 1;
}

/* Whether the handshakes that were under way have ended; `*again` when to look next. */
static int is_settled(lc_listener *listener, lc_time now, lc_time *again)
{
  lc_loop *loop = listener->server->loop;
  lc_time limit = listener->server->options.drain.settle;
  if (listener->diag < 0) return is_settled_blindly(listener, now, again);
  lc_time before = loop->sys->now(loop->sys);
  int half_open = handshakes(listener);
  lc_time cost = (loop->sys->now(loop->sys) - before) * LOOK_COST;
  listener->quiet_looks = half_open ? 0 : listener->quiet_looks + 1;
  /* The look that is to confirm the last one is not put off. */
  *again = now + (half_open && cost > LOOK_EVERY ? cost : LOOK_EVERY);
  if (half_open < 0) stop_counting(listener, half_open);
  if (listener->quiet_looks >= 2) return 1;
  if (now < lc_time_add(listener->hidden_at, limit)) return 0;
  if (half_open < 0) return is_settled_blindly(listener, now, again);
  not_lossless(listener, "stop unsettled", 0); /* clients too slow for settle, or a SYN flood */
  return 1;
}

/* ------------------------------------------------------------------ stopping -- */

/* Whether its queue has ever been full, or may have been, where the kernel does not tell. Then there may be clients that count themselves connected
 * while we know nothing of them (a syncookie, and the last step of the handshake dropped), until
 * they send their first request once more. */
static int has_dropped(const lc_listener *listener)
{
  const lc_sys *sys = listener->server->loop->sys;
  uint32_t info[SK_MEMINFO_VARS] = {0};
  socklen_t length = sizeof info;
  if (sys->getsockopt(sys, listener->watch.fd, SOL_SOCKET, SO_MEMINFO, info, &length) < 0) return 1;
  return info[SK_MEMINFO_DROPS] > 0;
}

static lc_time widening(const lc_listener *listener)
{
  lc_time limit = listener->server->options.drain.settle;
  if (!has_dropped(listener)) return WIDENING;
  return limit < WIDENING_DROPPED ? limit : WIDENING_DROPPED;
}

static void stop_tcp(lc_listener *listener)
{
  lc_loop *loop = listener->server->loop;
  const lc_sys *sys = loop->sys;
  if (listener->defers) {
    int off = 0, result;
    LC_RETRY(result, sys->setsockopt(sys, listener->watch.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &off,
                                     sizeof off));
    if (result < 0) not_known(listener, "stop degraded", result);
  }
  if (listener->backlog < SMALL_BACKLOG && sys->listen(sys, listener->watch.fd, 4096) == 0) {
    listener->state = LC_LISTENER_WIDENING;
    wait_until(listener, loop->now + widening(listener));
    return;
  }
  settle(listener);
}

static void stop_unix(lc_listener *listener)
{
  const lc_sys *sys = listener->server->loop->sys;
  listener->method = "shutdown";
  int result = sys->shutdown(sys, listener->watch.fd, SHUT_RD); /* new clients are refused */
  if (result < 0) not_lossless(listener, "stop degraded", result);
  empty(listener);
}

void lc_listener_stop(lc_listener *listener)
{
  if (listener->state != LC_LISTENER_OPEN) return;
  int has_held = listener->paused || listener->held;
  listener->stop_began = listener->server->loop->now;
  listener->paused = listener->held = 0;
  if (has_held) lc_job_queue(listener->server->loop, &listener->job); /* no event tells of them */
  if (listener->is_shared) {
    listener->method = "close";
    finish(listener);
  } else if (listener->address.of.any.sa_family == AF_UNIX) {
    stop_unix(listener);
  } else {
    stop_tcp(listener);
  }
}

void lc_listener_stop_due(lc_listener *listener, lc_time now)
{
  lc_time again;
  switch (listener->state) {
    case LC_LISTENER_WIDENING: settle(listener); break;
    case LC_LISTENER_SETTLING:
      if (is_settled(listener, now, &again)) {
        empty(listener);
      } else {
        wait_until(listener, again);
        lc_listener_accept_share(listener);
      }
      break;
    case LC_LISTENER_EMPTYING: empty(listener); break;
    case LC_LISTENER_OPEN:
    case LC_LISTENER_CLOSED: break;
  }
}

void lc_listener_stop_now(lc_listener *listener)
{
  if (listener->state == LC_LISTENER_CLOSED) return;
  if (listener->state == LC_LISTENER_OPEN) lc_listener_stop(listener);
  if (listener->state == LC_LISTENER_EMPTYING && lc_listener_queue_length(listener) < 0)
    lc_listener_accept_ahead(listener);
  if (listener->state == LC_LISTENER_CLOSED) return;
  if (listener->state != LC_LISTENER_EMPTYING || listener->ahead ||
      lc_listener_queue_length(listener) > 0)
    not_lossless(listener, "stop cut short", 0);
  finish(listener);
}
