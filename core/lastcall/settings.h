/* lastcall/settings.h - the times and sizes that one connection goes by. */
#ifndef LASTCALL_SETTINGS_H
#define LASTCALL_SETTINGS_H

#include <stddef.h>

#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_keepalive {
  lc_time idle;     /* silence before the first probe */
  lc_time interval; /* between probes */
  int count;        /* the peer is lost after this many unanswered probes; 0: keepalive off */
} lc_keepalive;

/* A sign of life asked for in the application's own protocol. When no byte came from the peer for
 * `interval`, the `heartbeat` callback may ask for one. When none has come `timeout` later, the
 * connection ends with LC_PEER_LOST and a reset. */
typedef struct lc_heartbeat {
  lc_time interval; /* LC_NEVER: off */
  lc_time timeout;
} lc_heartbeat;

/* Closes in the same steps as a positive linger; no caller waits for the end. */
#define LC_LINGER_BACKGROUND (-1)

/* The settings of a connection. Connections share their server's until they are given their own.
 * The comments begin with the default. */
typedef struct lc_settings {
  lc_time linger;             /* 3 s; 0: closes with a reset; negative: background */
  uint64_t linger_bytes;      /* 1 MiB: the most that is discarded while lingering */
  lc_keepalive keepalive;     /* 30 s, 10 s, 3 */
  lc_time user_timeout;       /* 60 s, as lc_keepalive_user_timeout gives; 0: off */
  lc_heartbeat heartbeat;     /* off; 10 s to answer */
  lc_time read_timeout;       /* LC_NEVER: ends a read with LC_TIMEOUT */
  lc_time write_timeout;      /* 30 s: ends a write with LC_TIMEOUT */
  lc_time handshake_timeout;  /* 10 s: ends a transport's handshake with LC_TIMEOUT */
  lc_time first_byte_timeout; /* LC_NEVER: closes a connection that has not sent a byte */
  lc_time idle_timeout;       /* LC_NEVER: closes a connection that has been idle this long */
  lc_time max_age;            /* LC_NEVER: closes at the next idle moment; +-10 % of jitter */
  size_t max_line;            /* 64 KiB: what an embedder passes to lc_conn_read_until */
  size_t max_read;            /* 16 MiB: the longest single read */
  size_t max_queue;           /* 256 KiB: posted and not yet sent */
  size_t gather; /* 16 KiB, 64 KiB at most: small writes sent together; 0: each at once */
  int nodelay;   /* 1 */
} lc_settings;

/* The user timeout that goes with a keepalive: idle + interval * count, 0 when keepalive is off. */
lc_time lc_keepalive_user_timeout(const lc_keepalive *keepalive);

#ifdef __cplusplus
}
#endif

#endif
