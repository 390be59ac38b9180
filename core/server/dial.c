/* dial.c - begins outbound connections. */
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
