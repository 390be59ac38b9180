/* options.c - the defaults of a server's options, and their bounds. */
#include "server/options.h"

void lc_server_options_init(lc_server_options *options)
{
  *options = (lc_server_options){.max_handshakes = 4096,
                                 .settings = {.linger = 3 * LC_SECOND,
                                              .linger_bytes = 1024 * 1024,
                                              .keepalive = {30 * LC_SECOND, 10 * LC_SECOND, 3},
                                              .user_timeout = 60 * LC_SECOND,
                                              .heartbeat = {LC_NEVER, 10 * LC_SECOND},
                                              .read_timeout = LC_NEVER,
                                              .write_timeout = 30 * LC_SECOND,
                                              .handshake_timeout = 10 * LC_SECOND,
                                              .first_byte_timeout = LC_NEVER,
                                              .idle_timeout = LC_NEVER,
                                              .max_age = LC_NEVER,
                                              .max_line = 64 * 1024,
                                              .max_read = 16 * 1024 * 1024,
                                              .max_queue = 256 * 1024,
                                              .gather = 16 * 1024,
                                              .nodelay = 1},
                                 .late = 1,
                                 .closes_idle = 1,
                                 .closes_at_cancel = 1,
                                 .drain = {.timeout = 25 * LC_SECOND,
                                           .settle = 5 * LC_SECOND,
                                           .quiet = LC_SECOND,
                                           .grace = LC_SECOND,
                                           .hooks = -1}};
}

void lc_drain_options_fit(lc_drain_options *drain)
{
  lc_time *const times[] = {&drain->timeout, &drain->delay, &drain->settle, &drain->quiet,
                            &drain->spread,  &drain->grace, &drain->hooks};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    *times[i] = lc_time_earlier(*times[i], LC_LONGEST);
  lc_time tenth = drain->timeout / 10;
  if (drain->grace > tenth) drain->grace = tenth;
  if (drain->hooks < 0) drain->hooks = drain->timeout / LC_HOOKS_SHARE;
}

/* More would not fit into the buffer where it is gathered. */
