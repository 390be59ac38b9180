/* input.h - receives bytes, and consumes them in the ways of lastcall/read.h. */
#ifndef LC_INPUT_H
#define LC_INPUT_H

#include "conn/inside.h"

/* Receives once. Returns the number of bytes, 0 at the peer's FIN, LC_AGAIN, or a code. Not to be
 * called when in_drained. */
ssize_t lc_input_receive(lc_conn *conn, void *into, size_t room);
/* Receives once into the buffer, which is to hold `want` bytes in all. Returns the number of bytes,
 * LC_AGAIN, LC_EOF, or the code with which the connection failed. */
int lc_input_fill(lc_conn *conn, size_t want);
/* Takes all bytes for a reader that came before a reset: the kernel gives them only while the
 * descriptor is open. */
void lc_input_rescue(lc_conn *conn);

#endif
