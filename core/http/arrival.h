/* arrival.h - HTTP as the protocol of a connection. */
#ifndef LC_HTTP_ARRIVAL_H
#define LC_HTTP_ARRIVAL_H

#include "conn/protocol.h"

void lc_http_arrival_init(lc_protocol *protocol);

#endif
