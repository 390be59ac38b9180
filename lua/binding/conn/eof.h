/* conn/eof.h - the peer's FIN. */
#ifndef LC_BINDING_CONN_EOF_H
#define LC_BINDING_CONN_EOF_H

#include <lua.h>

#include "conn/box.h"

void conn_on_finished(conn_box *box); /* the peer's FIN has come; the box is pinned */

#endif
