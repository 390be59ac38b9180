/* unix_path.h - takes the path of a unix-domain socket, and gives it back, without touching the
 * file of another process.
 *
 * The directory is locked (flock) between looking at a path and changing it. So no other process
 * that uses these functions changes it meanwhile. Where a directory cannot be locked (no permission
 * to read it, a file system without locks), the functions go on without the lock.
 */
#ifndef LC_UNIX_PATH_H
#define LC_UNIX_PATH_H

#include "sys/sys.h"

/* Makes `fd` listen, and only then gives it the path. Replaces a socket at the path that no process
 * answers; anything else there is -EADDRINUSE. -EBUSY: another process keeps the directory locked.
 * `mode` negative: is not changed. `bound` gets the kernel's name for the socket, `file` the
 * identity of its file. On failure the path is unchanged. */
int lc_unix_path_listen(const lc_sys *sys, int fd, const lc_address *address, int mode, int backlog,
                        lc_address *bound, lc_file_identity *file);

/* Removes the path if it still names `file`. The socket of `file` must be open, so that no new file
 * has the same inode. While another process keeps the directory locked, the path stays, and the
 * next listener replaces it. */
void lc_unix_path_remove(const lc_sys *sys, const lc_address *address,
                         const lc_file_identity *file);

#endif
