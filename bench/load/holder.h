/* holder.h - one process of a crowd. */
#ifndef LOAD_HOLDER_H
#define LOAD_HOLDER_H

#include "crowd.h"

/* The orders. Each is answered with a struct crowd_end when it is done; dawdling never is, and
 * watching twice: when it has begun, and when the last connection has ended. */
enum { HOLDER_CONNECT = 'c', HOLDER_SPEAK = 's', HOLDER_DAWDLE = 'd', HOLDER_WATCH = 'w' };

/* Obeys the orders that come on `line` until it is closed. Its connections come from HOLDER_SOURCES
 * addresses, the first of which is `source`. */
enum { HOLDER_SOURCES = 4 };

_Noreturn void hold(const struct crowd_options *options, unsigned count, unsigned source, int line);

#endif
