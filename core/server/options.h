/* options.h - the bounds of a server's options. */
#ifndef LC_OPTIONS_H
#define LC_OPTIONS_H

#include "lastcall.h"

/* The longest time of a shutdown or a part of it, 73 years. LC_NEVER is the deadline of a shutdown
 * that has not begun. The sum of two such times does not overflow. */
#define LC_LONGEST (LC_NEVER / 4)
#define LC_HOOKS_SHARE 5 /* the default time for hooks is a fifth of the whole */

#endif
