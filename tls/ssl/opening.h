/* opening.h - the handshake. */
#ifndef TLS_OPENING_H
#define TLS_OPENING_H

#include "ssl/inside.h"

int tls_open(lc_line *line);

#endif
