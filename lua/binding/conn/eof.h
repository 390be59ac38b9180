/* conn/eof.h - the peer's FIN. */
#ifndef LC_BINDING_CONN_EOF_H
#define LC_BINDING_CONN_EOF_H

#include <lua.h>

#include "conn/box.h"

/* The context of a connection whose peer has finished ends, if its server wants that. */
void conn_cancel_when_finished(conn_box *box);
void conn_on_finished(conn_box *box); /* the peer's FIN has come; the box is pinned */

#endif
