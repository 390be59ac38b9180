/* state.c - the steps of a server, and whether it is done. */
#include "server/state.h"

#include "listen/listener.h"

const char *lc_step_name(lc_step step)
{
  static const char *const names[] = {"serving", "unready", "stop",  "drain",
                                      "cancel",  "kill",    "hooks", "done"};
  return step < LC_STEPS ? names[step] : "unknown";
}

int lc_server_is_leaving(const lc_server *server) { return server->wanted > LC_STEP_SERVING; }

int lc_server_is_listening(const lc_server *server)
{
  for (const lc_listener *listener = NULL;
       (listener = lc_listener_next(&server->listening, listener));)
    if (!lc_listener_is_closed(listener)) return 1;
  return 0;
}

int lc_server_is_settling(const lc_server *server)
{
  for (const lc_listener *listener = NULL;
       (listener = lc_listener_next(&server->listening, listener));)
    if (!lc_listener_is_settled(listener)) return 1;
  return 0;
}

int lc_server_is_done(const lc_server *server)
{
  return server->owner.step >= LC_STEP_DRAIN && server->owner.step < LC_STEP_DONE &&
         !server->holds && !server->registry.counts[LC_STATES] && !lc_server_is_listening(server);
}

int lc_server_is_retired(const lc_server *server)
{
  return server->retiring && server->owner.step < LC_STEP_STOP && !server->holds &&
         !server->registry.counts[LC_STATES];
}

void lc_server_check(lc_server *server)
{
  if (lc_server_is_retired(server) || lc_server_is_done(server))
    lc_job_queue_ladder(server->loop, &server->job);
}

void lc_server_look_again(lc_server *server)
{
  if (server->owner.step < LC_STEP_DRAIN) return;
  lc_registry_rewind(&server->registry, LC_WALK_VISIT);
  lc_job_queue_ladder(server->loop, &server->job);
}
