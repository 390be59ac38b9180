/* sockopt.h - sets an integer option of a socket, by the kernel's numbers. */
#ifndef LC_SOCKOPT_H
#define LC_SOCKOPT_H

#include "sys/sys.h"

/* Returns 0 or a code. */
int lc_sockopt_put(const lc_sys *sys, int fd, int level, int option, int value);

#endif
