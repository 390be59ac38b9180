/* close.c - closes the socket of a listener, and undoes what would outlive it. */
#include "listen/inside.h"
#include "listen/lookout.h"
#include "listen/unix_path.h"

/* Called while the socket is open, so that no new file can have the inode of ours. */
static void forget_path(lc_listener *listener)
{
  if (!listener->file.inode || listener->is_shared || listener->leaves_path) return;
  lc_unix_path_remove(listener->owner->loop->sys, &listener->address, &listener->file);
}

void lc_listener_close(lc_listener *listener)
{
  lc_listen_owner *owner = listener->owner;
  lc_loop *loop = owner->loop;
  if (listener->watch.fd < 0) return;
  lc_lookout_leave(listener);
  lc_loop_unwatch(loop, &listener->watch);
  if (listener->method && listener->method->end) listener->method->end(listener);
  forget_path(listener);
  loop->sys->close(loop->sys, listener->watch.fd);
  listener->watch.fd = -1;
  if (!lc_list_is_empty(&listener->in_owner)) loop->sys->listening(loop->sys, -1);
  listener->state = LC_LISTENER_CLOSED;
  listener->settled = loop->now - listener->stop_began;
  lc_timer_clear(loop, &listener->timer);
  lc_job_cancel(&listener->job);
  owner->calls->changed(owner);
}

void lc_listener_finish(lc_listener *listener)
{
  lc_listen_owner *owner = listener->owner;
  lc_listener_close(listener);
  if (!owner->serving) lc_job_queue(owner->loop, &listener->job);
  owner->calls->settled(owner);
}
