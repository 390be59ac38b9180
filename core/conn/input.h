/* input.h - receiving, and the ways to consume what has been received. */
#ifndef LC_INPUT_H
#define LC_INPUT_H

#include "conn/inside.h"

/* One recv: the number of bytes, 0 at the peer's FIN, LC_AGAIN, or a code. Not to be asked when in_drained. */
ssize_t lc_input_receive(lc_conn *conn, void *into, size_t room);
/* Receives once into the buffer, which is to hold `want` bytes in all. The number of bytes, LC_AGAIN, LC_EOF or the code
 * the connection failed with. */
int lc_input_fill(lc_conn *conn, size_t want);
/* What came before a reset is the kernel's to give only while the descriptor is open: takes it all. */
void lc_input_rescue(lc_conn *conn);

#endif
