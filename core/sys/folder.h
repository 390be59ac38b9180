/* folder.h - directories, and who the process is among users.
 *
 * These functions are members of lc_sys_linux(); sys.h describes them.
 */
#ifndef LC_SYS_FOLDER_H
#define LC_SYS_FOLDER_H

#include "sys/sys.h"

int64_t lc_sys_user(const lc_sys *sys);
int lc_sys_make_directory(const lc_sys *sys, const char *path, unsigned mode);
ssize_t lc_sys_directory_names(const lc_sys *sys, const char *path, char *names, size_t size);
int lc_sys_real_path(const lc_sys *sys, const char *path, char *real, size_t size);

#endif
