/* renew.h - another program in the place of this one. These functions are members of lc_sys_linux();
 * sys.h describes them. */
#ifndef LC_SYS_RENEW_H
#define LC_SYS_RENEW_H

#include "sys/sys.h"

int lc_sys_replace_program(const lc_sys *sys, const char *const *argv, const char *const *env,
                           const int *kept, size_t count);
void lc_sys_let_signals_in(const lc_sys *sys);

#endif
