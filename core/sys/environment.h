/* environment.h - what the process was given when it began.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_SYS_ENVIRONMENT_H
#define LC_SYS_ENVIRONMENT_H

#include "sys/sys.h"

int lc_sys_process_id(const lc_sys *sys);
int lc_sys_forget_variable(const lc_sys *sys, const char *name);

#endif
