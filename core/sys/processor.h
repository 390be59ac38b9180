/* processor.h - which processors a process uses.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_SYS_PROCESSOR_H
#define LC_SYS_PROCESSOR_H

#include "sys/sys.h"

int lc_sys_processors(const lc_sys *sys, int *numbers, int capacity);
int lc_sys_process_pin(const lc_sys *sys, int pid, int processor);

#endif
