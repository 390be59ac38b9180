/* settings.c - the settings of a connection: its own, or those of its owner. */
#include "conn/settings.h"

#include <stdlib.h>
#include <string.h>

static const lc_settings NONE; /* of connections that outlive their owner */

const lc_settings *lc_conn_settings(const lc_conn *conn)
{
  if (conn->extra && conn->extra->has_settings) return &conn->extra->settings;
  return conn->owner ? conn->owner->settings : &NONE;
}

lc_time lc_conn_linger(const lc_conn *conn)
{
  lc_time linger = lc_conn_settings(conn)->linger;
  return linger > 0 ? linger : 3 * LC_SECOND;
}

lc_conn_extra *lc_conn_need_extra(lc_conn *conn)
{
  if (!conn->extra) conn->extra = calloc(1, sizeof *conn->extra);
  return conn->extra;
}

void lc_settings_fit(lc_settings *settings)
{
  if (settings->gather > LC_SHARED_BUFFER) settings->gather = LC_SHARED_BUFFER;
}

int lc_conn_set_farewell(lc_conn *conn, const char *data, size_t length)
{
  lc_conn_extra *extra = lc_conn_need_extra(conn);
  char *copy = extra && length ? malloc(length) : NULL;
  if (!extra || (length && !copy)) return -ENOMEM;
  if (length) memcpy(copy, data, length);
  free(extra->farewell);
  extra->farewell = copy;
  extra->farewell_length = length;
  return 0;
}
