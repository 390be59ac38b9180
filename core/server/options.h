/* options.h - what a server is told when it is made. */
#ifndef LC_OPTIONS_H
#define LC_OPTIONS_H

#include "lastcall.h"

/* The longest that a shutdown or a part of it may take, 73 years: LC_NEVER is the deadline of one that has not begun.
 * What two of them add up to is still a time. */
#define LC_LONGEST (LC_NEVER / 4)
#define LC_HOOKS_SHARE 5 /* what is kept back for hooks is a fifth, where nothing else is said */

#endif
