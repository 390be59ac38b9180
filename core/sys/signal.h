/* signal.h - the signal table, the only state that loops share.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_SYS_SIGNAL_H
#define LC_SYS_SIGNAL_H

#include "sys/sys.h"

int lc_sys_signal_watch(const lc_sys *sys, int signal, int wake_fd);
int lc_sys_signal_release(const lc_sys *sys, int signal);
int lc_sys_signal_take(const lc_sys *sys, int signal, lc_signal_seen *seen);
int lc_sys_signal_peek(const lc_sys *sys, int signal, lc_signal_seen *seen);
int lc_sys_signal_also_wake(const lc_sys *sys, int signal, int wake_fd);
int lc_sys_signal_deaf(const lc_sys *sys, int signal, int on);
int lc_sys_signal_act(const lc_sys *sys, int signal, int on);
void lc_sys_listening(const lc_sys *sys, int more);

int lc_sys_interruptible(const lc_sys *sys, int (*function)(void *user), void *user);
int lc_sys_interrupt(const lc_sys *sys, int number);
int lc_sys_uninterruptible(const lc_sys *sys, int number);
lc_time lc_sys_ran(const lc_sys *sys, int number);
int lc_sys_blocked(const lc_sys *sys, int number);

#endif
