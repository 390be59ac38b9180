/* fork.h - whether another process may have copies of this one's descriptors. A member of
 * lc_sys_linux(); sys.h describes it. */
#ifndef LC_SYS_FORK_H
#define LC_SYS_FORK_H

#include "sys/sys.h"

int lc_sys_is_alone(const lc_sys *sys);
/* Notes each fork from now on. Idempotent. */
void lc_sys_note_forks(void);
/* From now on another process has a copy of a descriptor. */
void lc_sys_note_company(void);

#endif
