/* pipe.h - the transports of descriptors that are no sockets: an end of a pipe, a terminal, a
 * device. */
#ifndef LC_PIPE_H
#define LC_PIPE_H

#include "conn/inside.h"
#include "sys/sys.h"

/* Makes a new connection one of a descriptor that is no socket. */
void lc_pipe_begin(lc_conn *conn, const lc_descriptor_facts *facts);

#endif
