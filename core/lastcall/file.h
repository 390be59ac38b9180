/* lastcall/file.h - files that are sent to peers. */
#ifndef LASTCALL_FILE_H
#define LASTCALL_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "lastcall/loop.h"
#include "lastcall/state.h"
#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_file_facts {
  uint64_t size;
  lc_time modified; /* nanoseconds since 1970 */
  int is_regular;
  int is_directory;
} lc_file_facts;

/* Opens a regular file for reading, and looks at its facts. `directory` is a descriptor of
 * lc_directory_open: then the path is relative, and no part of it, nor a symbolic link, leads out
 * of that directory. A kernel before 5.6 cannot tell where a link leads: there a path with a link
 * gives -ELOOP, or -ENOTDIR when the link is to a directory in the middle. -1: any path. Returns a
 * descriptor, which lc_file_close closes, or a code; -EISDIR for a directory, and -EACCES for what
 * is neither. It never waits for the writer of a FIFO. */
int lc_file_open(const lc_sys *sys, int directory, const char *path, lc_file_facts *facts);
/* Opens a directory, for the files beneath it. Returns a descriptor, which lc_file_close closes; or
 * a code, -ENOTDIR for what is no directory. */
int lc_directory_open(const lc_sys *sys, const char *path);
/* The same facts of a file that the caller has opened. Returns 0, or a code as lc_file_open. */
int lc_file_look(const lc_sys *sys, int file, lc_file_facts *facts);
void lc_file_close(const lc_sys *sys, int file);

/* Writes a piece of a file, as lc_conn_write writes bytes: `length` bytes from `offset` on, of
 * which some are accepted, at most 128 KiB a call. Returns their number, 0 when the kernel is full:
 * then lc_conn_wait_write, and go on at LC_WRITABLE. Each piece that the kernel takes has a
 * write_timeout of its own. Returns LC_EOF when the file ends before `offset`, and the kernel's
 * code when it cannot be read; the connection has not failed then, but what was promised to the
 * peer cannot be kept (lc_conn_break_write). The call may wait for the disk. The file's position is
 * not used. */
ssize_t lc_conn_write_file(lc_conn *conn, int file, uint64_t offset, uint64_t length);

#ifdef __cplusplus
}
#endif

#endif
