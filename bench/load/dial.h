/* dial.h - a connection to the measured server. */
#ifndef LOAD_DIAL_H
#define LOAD_DIAL_H

#include <stdint.h>

/* Connects to 127.0.0.1:port, without delay of small writes; from 127.0.1.1 and on when `source` is
 * above 0, so that more connections than an address has ports are possible. Gives up on failure. */
int dial(uint16_t port, unsigned source);

#endif
