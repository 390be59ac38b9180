/* descriptor.h - descriptors that the program was given, and pipes.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_SYS_DESCRIPTOR_H
#define LC_SYS_DESCRIPTOR_H

#include "sys/sys.h"

int lc_sys_descriptor_facts(const lc_sys *sys, int fd, lc_descriptor_facts *facts);
int lc_sys_open_again(const lc_sys *sys, int fd);
int lc_sys_open_null(const lc_sys *sys);
int lc_sys_replace(const lc_sys *sys, int fd, int by);
ssize_t lc_sys_read(const lc_sys *sys, int fd, void *buffer, size_t size);
ssize_t lc_sys_write(const lc_sys *sys, int fd, const struct iovec *pieces, int count);

/* The same for writing only, wherever the descriptor may write: for one message. */
int lc_sys_open_to_write(int fd);

#endif
