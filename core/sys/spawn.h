/* spawn.h - child processes. These functions are members of lc_sys_linux(); sys.h describes them. */
#ifndef LC_SYS_SPAWN_H
#define LC_SYS_SPAWN_H

#include "sys/sys.h"

int lc_sys_spawn(const lc_sys *sys, const lc_subprocess_options *options, lc_birth **birth,
                 lc_start_step *step);
int lc_sys_born(const lc_sys *sys, lc_birth *birth, lc_start_step *step);
int lc_sys_process_watch(const lc_sys *sys, int pid);
int lc_sys_process_end(const lc_sys *sys, int pid, int keep, lc_subprocess_end *end);
int lc_sys_process_any_ended(const lc_sys *sys);
int lc_sys_process_signal(const lc_sys *sys, int pid, int to_group, int signal);

#endif
