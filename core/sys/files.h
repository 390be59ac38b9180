/* files.h - files and descriptors, and writing to stderr.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_SYS_FILES_H
#define LC_SYS_FILES_H

#include "sys/sys.h"

ssize_t lc_sys_say(const lc_sys *sys, int fd, const char *text, size_t length, lc_time patience);

int lc_sys_descriptor_limit(const lc_sys *sys);
int lc_sys_descriptors_open(const lc_sys *sys);
int lc_sys_file_identity(const lc_sys *sys, const char *path, lc_file_identity *identity);
int lc_sys_unlink(const lc_sys *sys, const char *path);
int lc_sys_chmod(const lc_sys *sys, const char *path, unsigned mode);
int lc_sys_rename(const lc_sys *sys, const char *from, const char *to);
int lc_sys_open_file(const lc_sys *sys, int directory, const char *path, unsigned how);
int lc_sys_file_facts(const lc_sys *sys, int fd, lc_file_facts *facts);
ssize_t lc_sys_read_at(const lc_sys *sys, int fd, void *buffer, size_t size, uint64_t offset);
ssize_t lc_sys_send_file(const lc_sys *sys, int fd, int file, uint64_t offset, size_t size);
int lc_sys_lock_directory(const lc_sys *sys, const char *path);

/* Moves a new descriptor above 0, 1 and 2. `fd` is the result of a call: -1 and errno when it
 * failed. Returns a descriptor or a code. */
int lc_sys_above_standard(int fd);

#endif
