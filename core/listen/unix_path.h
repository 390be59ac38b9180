/* unix_path.h - the path of a unix-domain socket, taken and given back so that it is never somebody else's.
 *
 * Between looking at a path and changing it, no other process that uses these functions can change it:
 * its directory is locked (flock). A directory that cannot be locked (no permission to read it, a file
 * system without locks) is gone on with all the same. */
#ifndef LC_UNIX_PATH_H
#define LC_UNIX_PATH_H

#include "sys/sys.h"

/* Makes `fd` listen, and only then gives it the path: a socket there that nobody answers any more is
 * replaced, anything else is -EADDRINUSE. -EBUSY: another process keeps the directory locked. `mode` is
 * negative where it is not to be changed. `bound` is what the kernel calls the socket, `file` which file it
 * is. When it fails, the path is as it was. */
int lc_unix_path_listen(const lc_sys *sys, int fd, const lc_address *address, int mode, int backlog,
                        lc_address *bound, lc_file_identity *file);

/* Removes the path if it still names `file`, whose socket must be open: so that no new file has its number.
 * Where another process keeps the directory locked, the path stays, and the next listener replaces it. */
void lc_unix_path_remove(const lc_sys *sys, const lc_address *address,
                         const lc_file_identity *file);

#endif
