/* faults.h - the real kernel with bad luck: a sys table whose chosen calls fail.
 *
 * Everything goes to the real kernel, except that the n-th call of a kind, and
 * some after it, return a code instead. A failing close() closes all the same,
 * as the kernel's does; a failing recv or sendmsg moves nothing. Short reads and
 * writes are not made up: the real ones mean that there is no more, and an event
 * follows them. `speed` makes waits short. What is handed out and given back is
 * kept account of.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>

#include "sys/sys.h"

typedef enum fault_call {
  FAULT_RANDOM,
  FAULT_SOCKET,
  FAULT_BIND,
  FAULT_LISTEN,
  FAULT_ACCEPT,
  FAULT_CONNECT,
  FAULT_GETSOCKNAME,
  FAULT_GETPEERNAME,
  FAULT_SETSOCKOPT,
  FAULT_GETSOCKOPT,
  FAULT_RECV,
  FAULT_SENDMSG,
  FAULT_RECVMSG,
  FAULT_SHUTDOWN,
  FAULT_CLOSE,
  FAULT_SET_NONBLOCKING,
  FAULT_DUPLICATE,
  FAULT_UNREAD,
  FAULT_UNACKED,
  FAULT_POLLER_CREATE,
  FAULT_POLLER_CONTROL,
  FAULT_POLLER_WAIT,
  FAULT_WAKE_CREATE,
  FAULT_WAKE,
  FAULT_WAKE_CLEAR,
  FAULT_SIGNAL_WATCH,
  FAULT_FORGET_VARIABLE,
  FAULT_FILE_IDENTITY,
  FAULT_UNLINK,
  FAULT_CHMOD,
  FAULT_RENAME,
  FAULT_MAKE_DIRECTORY,
  FAULT_DIRECTORY_NAMES,
  FAULT_REAL_PATH,
  FAULT_LOCK_DIRECTORY,
  FAULT_OPEN_FILE,
  FAULT_FILE_FACTS,
  FAULT_READ_AT,
  FAULT_SEND_FILE,
  FAULT_RESOLVE,
  FAULT_DESCRIPTOR_FACTS,
  FAULT_OPEN_AGAIN,
  FAULT_OPEN_NULL,
  FAULT_REPLACE,
  FAULT_READ,
  FAULT_WRITE,
  FAULT_SOCKETPAIR,
  FAULT_PIPE,
  FAULT_SPAWN,
  FAULT_PROCESS_WATCH,
  FAULT_PROCESS_END,
  FAULT_PROCESS_SIGNAL,
  FAULT_PROCESS_ANY_ENDED,
  FAULT_PROCESSORS,
  FAULT_PROCESS_PIN,
  FAULT_CALLS
} fault_call;

enum { FAULT_DESCRIPTORS = 4096 };

typedef struct faults {
  lc_sys sys; /* what is handed to lc_loop_new; everything else is read and set freely */
  struct {
    atomic_uint made; /* calls so far; the resolver's thread makes some */
    unsigned first;   /* the call that fails, from 1; 0: none */
    unsigned last;
    int code;
    unsigned failed; /* how many did */
  } of[FAULT_CALLS];
  lc_time time_of_day; /* what it is; 0: the real one */
  int speed;           /* how much faster than the real one its clock goes; 0 as 1 */
  int open;            /* handed out and not closed */
  int strange;         /* closes of a descriptor that was not open */
  unsigned char is_open[FAULT_DESCRIPTORS];
} faults;

void faults_init(faults *f);
/* The `nth` call from now on (1: the next) and `times` - 1 after it fail with `code` (-errno). */
void faults_fail(faults *f, fault_call call, unsigned nth, unsigned times, int code);
void faults_none(faults *f); /* from now on all is well */
const char *fault_name(fault_call call);
/* By name; FAULT_CALLS when there is none. */
fault_call fault_named(const char *name);

#endif
