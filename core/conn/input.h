/* input.h - receiving, and the ways to consume what has been received. */
#ifndef LC_INPUT_H
#define LC_INPUT_H

#include "conn/inside.h"

/* One recv: the number of bytes, 0 at the peer's FIN, LC_AGAIN, or a code. Not to be asked when in_drained. */
ssize_t lc_input_receive(lc_conn *conn, void *into, size_t room);
/* What came before a reset is the kernel's to give only while the descriptor is open: takes it all. */
void lc_input_rescue(lc_conn *conn);

#endif
