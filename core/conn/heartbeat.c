/* heartbeat.c - asks a peer for signs of life. */
#include "conn/heartbeat.h"

#include "conn/crossing.h"
#include "conn/deadline.h"
#include "conn/protocol.h"
#include "conn/release.h"
#include "conn/settings.h"

static const lc_heartbeat *settings_of(const lc_conn *conn)
{
  return &lc_conn_settings(conn)->heartbeat;
}

static int is_on(const lc_conn *conn)
{
  return settings_of(conn)->interval != LC_NEVER && conn->extra && !conn->connecting &&
         !conn->opening && conn->state < LC_STATE_CLOSING;
}

int lc_heartbeat_begin(lc_conn *conn)
{
  if (settings_of(conn)->interval == LC_NEVER) return 0;
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  if (!extra) return -ENOMEM;
  extra->heard = conn->received;
  extra->heard_at = conn->loop->now;
  extra->asked_at = 0;
  lc_conn_arm(conn, lc_heartbeat_at(conn));
  return 0;
}

lc_time lc_heartbeat_at(const lc_conn *conn)
{
  if (!is_on(conn)) return LC_NEVER;
  const lc_conn_extra *extra = conn->extra;
  if (!extra->asked_at) return lc_time_add(extra->heard_at, settings_of(conn)->interval);
  lc_time over = lc_time_add(extra->asked_at, settings_of(conn)->timeout);
  lc_time look = lc_time_add(extra->looked_at, settings_of(conn)->interval);
  return lc_time_earlier(look, over);
}

/* Returns the latest time at which the peer may have sent a byte; 0 when it has sent none since the
 * last look. */
static lc_time heard_since(const lc_conn *conn, lc_time now)
{
  if (lc_crossing_unread(conn)) return now;
  return conn->received != conn->extra->heard ? conn->last_byte_at : 0;
}

void lc_heartbeat_due(lc_conn *conn, lc_time now)
{
  if (lc_heartbeat_at(conn) > now) return;
  lc_conn_extra *extra = conn->extra;
  lc_time heard_at = heard_since(conn, now);
  if (heard_at) {
    extra->heard = conn->received;
    extra->heard_at = heard_at;
    extra->asked_at = 0;
    if (lc_heartbeat_at(conn) > now) return;
  }
  extra->looked_at = now;
  if (extra->asked_at) {
    if (now - extra->asked_at >= settings_of(conn)->timeout) lc_conn_lose(conn, "heartbeat");
    return;
  }
  extra->asked_at = now;
  if (!conn->owner) return;
  const lc_protocol *protocol = lc_protocol_of(conn);
  if (protocol->ask) protocol->ask(conn, lc_protocol_state(conn));
  else conn->owner->heartbeat(conn);
}
