/* given.c - connections of descriptors that the program was given. */
#include "conn/pipe.h"
#include "conn/settings.h"
#include "conn/state.h"
#include "kernel/keepalive.h"
#include "server/adopt.h"

/* 0, 1 and 2 stay open, for another file would take their numbers, and get what the script
 * prints. */
static int is_standard(int fd) { return fd <= LC_STDERR; }

/* ------------------------------------------------------------------ what it is -- */

static int option_of(const lc_sys *sys, int fd, int name)
{
  int value = 0;
  socklen_t length = sizeof value;
  int result = sys->getsockopt(sys, fd, SOL_SOCKET, name, &value, &length);
  return result < 0 ? result : value;
}

static int kind_of_socket(const lc_sys *sys, int fd)
{
  int type = option_of(sys, fd, SO_TYPE), family = option_of(sys, fd, SO_DOMAIN);
  if (type < 0 || family < 0) return type < 0 ? type : family;
  if (type != SOCK_STREAM) return LC_DESCRIPTOR_MESSAGES;
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return LC_DESCRIPTOR_OTHER;
  int listens = option_of(sys, fd, SO_ACCEPTCONN);
  if (listens < 0) return listens;
  return listens ? LC_DESCRIPTOR_LISTENER : LC_DESCRIPTOR_SOCKET;
}

static int look(const lc_sys *sys, int fd, lc_descriptor_facts *facts)
{
  int result = sys->descriptor_facts(sys, fd, facts);
  if (result < 0) return result;
  return facts->kind == LC_DESCRIPTOR_SOCKET ? kind_of_socket(sys, fd) : (int)facts->kind;
}

int lc_descriptor_look(lc_server *server, int fd, int *goes_both_ways)
{
  lc_descriptor_facts facts = {.can_read = 0};
  int kind = look(server->loop->sys, fd, &facts);
  *goes_both_ways = facts.can_read && facts.can_write;
  return kind;
}

/* ------------------------------------------------------------------- taking it -- */

static int adopt(lc_server *server, int fd, const lc_address *peer, const lc_settings *settings,
                 lc_conn **conn)
{
  lc_conn *spare = lc_server_spare(server);
  lc_conn_extra *extra = spare ? lc_conn_need_extra(spare) : NULL;
  if (!extra) return -ENOMEM;
  if (settings) {
    extra->settings = *settings;
    lc_settings_fit(&extra->settings);
    extra->has_settings = 1;
  }
  int result = lc_server_adopt(server, fd, peer, conn);
  if (result < 0) {
    extra->has_settings = 0; /* the spare will be another connection */
    return result;
  }
  lc_conn_lend(*conn); /* the embedder may have a copy */
  return 0;
}

int lc_conn_adopt(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn)
{
  const lc_sys *sys = server->loop->sys;
  lc_address peer = {.length = sizeof peer.of};
  int result = sys->getpeername(sys, fd, &peer.of.any, &peer.length);
  if (!result) result = adopt(server, fd, &peer, settings, conn);
  if (!result) lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return result;
}

/* As the description is: on another number where the given one stays. */
static int copy_as_it_is(const lc_sys *sys, int fd)
{
  int ours = is_standard(fd) ? sys->duplicate(sys, fd) : fd;
  if (ours < 0) return ours;
  int result = sys->set_nonblocking(sys, ours);
  if (result < 0 && ours != fd) sys->close(sys, ours);
  return result < 0 ? result : ours;
}

/* Returns a descriptor that does not block: `fd` itself, or another one. */
static int make_nonblocking(const lc_sys *sys, int fd, const lc_descriptor_facts *facts)
{
  int is_pipe = facts->kind == LC_DESCRIPTOR_PIPE;
  if (facts->is_nonblocking || (!is_pipe && facts->kind != LC_DESCRIPTOR_TERMINAL))
    return copy_as_it_is(sys, fd);
  int ours = sys->open_again(sys, fd);
  return ours < 0 && is_pipe ? copy_as_it_is(sys, fd) : ours;
}

static int peer_of(const lc_sys *sys, int fd, lc_descriptor_kind kind, lc_address *peer)
{
  *peer = (lc_address){.length = sizeof peer->of};
  if (kind == LC_DESCRIPTOR_SOCKET) return sys->getpeername(sys, fd, &peer->of.any, &peer->length);
  peer->of.any.sa_family = kind == LC_DESCRIPTOR_PIPE       ? LC_FAMILY_PIPE
                           : kind == LC_DESCRIPTOR_TERMINAL ? LC_FAMILY_TERMINAL
                                                            : LC_FAMILY_DEVICE;
  return 0;
}

/* The options of a socket that the settings ask for; none of those that it has is taken back. */
static int apply(const lc_server *server, int fd, const lc_address *peer,
                 const lc_settings *settings)
{
  if (!settings) settings = &server->options.settings;
  return lc_keepalive_apply(server->loop->sys, fd, peer->of.any.sa_family, settings, NULL);
}

/* The given descriptor ends, once the connection has another one. */
static void let_go(const lc_sys *sys, int fd, int null)
{
  if (null < 0 || sys->replace(sys, fd, null) < 0) sys->close(sys, fd);
  if (null >= 0) sys->close(sys, null);
}

int lc_conn_own(lc_server *server, int fd, const lc_settings *settings, lc_conn **conn)
{
  const lc_sys *sys = server->loop->sys;
  lc_descriptor_facts facts;
  lc_address peer;
  int null = -1, ours = -1, kind = look(sys, fd, &facts);
  if (kind < 0) return kind;
  if (kind > LC_DESCRIPTOR_DEVICE) return -EINVAL;
  int result = peer_of(sys, fd, (lc_descriptor_kind)kind, &peer);
  if (!result && is_standard(fd)) result = null = sys->open_null(sys);
  if (result >= 0) result = ours = make_nonblocking(sys, fd, &facts);
  if (result >= 0) result = apply(server, ours, &peer, settings);
  if (result >= 0) result = adopt(server, ours, &peer, settings, conn);
  if (result < 0) {
    if (ours >= 0 && ours != fd) sys->close(sys, ours);
    if (null >= 0) sys->close(sys, null);
    return result;
  }
  if (kind != LC_DESCRIPTOR_SOCKET) lc_pipe_begin(*conn, &facts);
  if (ours != fd) let_go(sys, fd, null);
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
}
