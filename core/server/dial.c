/* dial.c - outbound connections: made by lc_conn_connect, or adopted. */
#include "conn/settings.h"
#include "conn/state.h"
#include "kernel/keepalive.h"
#include "server/adopt.h"

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
  /* the first LC_POLL_OUT event ends the connect, even when it has succeeded already */
  (*conn)->connecting = 1;
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
failed:
  sys->close(sys, fd);
  return result == -EAGAIN ? -ECONNREFUSED : result; /* the queue of a unix listener is full */
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
    extra->has_settings = 0; /* the spare will be another connection */
    return result;
  }
  lc_conn_lend(*conn); /* the embedder may have a copy */
  lc_conn_move(*conn, LC_STATE_ACTIVE, "connect");
  return 0;
}
