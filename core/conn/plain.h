/* plain.h - the transport of bytes as they are, whose calls others may use. */
#ifndef LC_PLAIN_H
#define LC_PLAIN_H

#include "conn/transport.h"

ssize_t lc_plain_receive(lc_line *line, void *into, size_t room);
ssize_t lc_plain_send(lc_line *line, const struct iovec *pieces, int count);
int lc_plain_unread(lc_line *line);
int lc_plain_unacked(lc_line *line);
int lc_plain_finish(lc_line *line);

extern const lc_transport lc_plain;

#endif
