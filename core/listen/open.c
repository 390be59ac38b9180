/* open.c - opens a listening socket, and has the functions of its event, job and timer. */
#include <netinet/tcp.h>
#include <stdlib.h>

#include "base/address.h"
#include "kernel/keepalive.h"
#include "kernel/sockopt.h"
#include "listen/inside.h"
#include "listen/unix_path.h"

void lc_listen_options_init(lc_listen_options *options)
{
  *options = (lc_listen_options){.backlog = 4096, .reuseaddr = 1, .unix_mode = -1};
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
  lc_listen_owner *owner = listener->owner;
  if (listener->stop_wanted) lc_listener_stop(listener);
  if (listener->state != LC_LISTENER_CLOSED) lc_listener_accept_share(listener);
  else if (!owner->serving) owner->calls->acceptable(owner); /* its wait for clients ends */
}

static void listener_due(lc_timer *timer, lc_time now)
{
  lc_listener *listener = LC_OWNER(timer, lc_listener, timer);
  listener->paused = 0;
  if (listener->state == LC_LISTENER_OPEN) lc_listener_accept_share(listener);
  else lc_listener_stop_due(listener, now);
}

/* ---------------------------------------------------------------- opening -- */

static int prepare(const lc_sys *sys, int fd, const lc_address *address,
                   const lc_listen_options *options)
{
  int family = address->of.any.sa_family, result = 0;
  if (family == AF_UNIX) return 0;
  if (options->reuseaddr) result = lc_sockopt_put(sys, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!result && options->reuseport) result = lc_sockopt_put(sys, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (!result && family == AF_INET6)
    result = lc_sockopt_put(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only);
  if (!result && options->defer_accept)
    result = lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, options->defer_accept);
  return result;
}

static lc_listener *listener_new(lc_listen_owner *owner, const lc_listen_options *options)
{
  lc_listener *listener = calloc(1, sizeof *listener);
  if (!listener) return NULL;
  listener->watch.fd = -1;
  listener->watch.ready = listener_ready;
  listener->owner = owner;
  listener->backlog = options->backlog;
  listener->is_shared = options->shared;
  listener->in_group = options->reuseport;
  listener->place = options->reuseport_place;
  listener->group_size = options->reuseport_of;
  listener->defers = options->defer_accept > 0;
  listener->lossless = 1;
  lc_list_init(&listener->in_owner);
  lc_list_init(&listener->in_lookout);
  lc_job_init(&listener->job, listener_job);
  if (!lc_timer_open(owner->loop, &listener->timer, listener_due)) return listener;
  free(listener);
  return NULL;
}

void lc_listener_free(lc_listener *listener)
{
  lc_listener_close(listener);
  lc_timer_close(listener->owner->loop, &listener->timer);
  lc_job_cancel(&listener->job);
  lc_list_remove(&listener->in_owner);
  free(listener);
}

void lc_listener_share(lc_listener *listener, int shared)
{
  listener->is_shared = shared;
  listener->leaves_path = 1;
}

void lc_listener_set_place(lc_listener *listener, int place, int group_size)
{
  if (!listener->in_group) return;
  listener->place = place;
  listener->group_size = group_size;
}

/* The kernel has another name for a socket that listens at a path. */
static int learn_address(lc_listener *listener, const lc_address *known_as)
{
  const lc_sys *sys = listener->owner->loop->sys;
  lc_address bound = {.length = sizeof bound.of};
  int result = sys->getsockname(sys, listener->watch.fd, &bound.of.any, &bound.length);
  if (result < 0) return result;
  listener->address = known_as ? *known_as : bound;
  listener->bound = bound;
  return 0;
}

/* The last step: once it succeeds, the listener is one of the owner's. */
static int begin(lc_listener *listener)
{
  lc_listen_owner *owner = listener->owner;
  const lc_sys *sys = owner->loop->sys;
  if (listener->address.of.any.sa_family != AF_UNIX) lc_loop_features(owner->loop);
  int result = lc_loop_watch(owner->loop, &listener->watch, LC_POLL_IN | LC_POLL_EDGE);
  if (result < 0) return result;
  listener->number = ++owner->last_number;
  lc_list_append(&owner->listeners, &listener->in_owner);
  sys->listening(sys, 1);
  owner->calls->changed(owner);
  return 0;
}

static int bind_and_listen(lc_listener *listener, const lc_address *address,
                           const lc_listen_options *options)
{
  lc_listen_owner *owner = listener->owner;
  const lc_sys *sys = owner->loop->sys;
  int fd = listener->watch.fd;
  listener->address = *address;
  int result = prepare(sys, fd, address, options);
  if (!result)
    result = lc_keepalive_apply(sys, fd, address->of.any.sa_family, owner->settings, NULL);
  if (!result && options->control) result = options->control(fd, options->user);
  if (result < 0) return result;
  if (lc_address_is_path(address)) {
    result = lc_unix_path_listen(sys, fd, address, options->unix_mode, options->backlog,
                                 &listener->bound, &listener->file);
  } else {
    result = sys->bind(sys, fd, &address->of.any, address->length);
    if (!result) result = sys->listen(sys, fd, options->backlog);
  }
  if (!result) result = learn_address(listener, lc_address_is_path(address) ? address : NULL);
  return result ? result : begin(listener);
}

static const lc_listen_options *or_defaults(const lc_listen_options *options,
                                            lc_listen_options *defaults)
{
  if (options) return options;
  lc_listen_options_init(defaults);
  return defaults;
}

int lc_listener_open(lc_listen_owner *owner, const lc_address *address,
                     const lc_listen_options *options)
{
  lc_listen_options defaults;
  options = or_defaults(options, &defaults);
  const lc_sys *sys = owner->loop->sys;
  lc_listener *listener = listener_new(owner, options);
  if (!listener) return -ENOMEM;
  int result = sys->socket(sys, address->of.any.sa_family, SOCK_STREAM, 0);
  if (result >= 0) {
    listener->watch.fd = result;
    listener->address = *address; /* so that a path is removed when a later step fails */
    result = bind_and_listen(listener, address, options);
  }
  if (result < 0) lc_listener_free(listener);
  return result;
}

/* Sets what can still be set of a socket that listens. */
static int renew(const lc_sys *sys, int fd, const lc_listen_options *options)
{
  const lc_address *path = options->known_as;
  int result = 0;
  if (options->defer_accept)
    result = lc_sockopt_put(sys, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, options->defer_accept);
  if (!result && path && lc_address_is_path(path) && options->unix_mode >= 0)
    result = sys->chmod(sys, path->of.un.sun_path, (unsigned)options->unix_mode);
  return result;
}

int lc_listener_open_fd(lc_listen_owner *owner, int fd, const lc_listen_options *options)
{
  lc_listen_options defaults;
  options = or_defaults(options, &defaults);
  const lc_sys *sys = owner->loop->sys;
  int listening = 0;
  socklen_t length = sizeof listening;
  int result = sys->getsockopt(sys, fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
  if (result < 0) return result;
  if (!listening) return -EINVAL;
  result = sys->set_nonblocking(sys, fd);
  if (!result) result = renew(sys, fd, options);
  if (result < 0) return result;
  lc_listener *listener = listener_new(owner, options);
  if (!listener) return -ENOMEM;
  listener->watch.fd = fd;
  result = learn_address(listener, options->known_as);
  if (!result)
    result = lc_keepalive_apply(sys, fd, listener->address.of.any.sa_family, owner->settings, NULL);
  if (!result) result = begin(listener);
  if (result < 0) {
    listener->watch.fd = -1; /* the descriptor stays the caller's */
    lc_listener_free(listener);
  }
  return result;
}
