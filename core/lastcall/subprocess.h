/* lastcall/subprocess.h - child processes: started without a shell, waited for by the loop. */
#ifndef LASTCALL_SUBPROCESS_H
#define LASTCALL_SUBPROCESS_H

#include <stddef.h>

#include "lastcall/loop.h"
#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LC_FD_NULL (-1) /* /dev/null */

/* A descriptor of the child. */
typedef struct lc_child_fd {
  int there;   /* its number in the child; each number comes once */
  int here;    /* the descriptor of this process that it is a copy of, or LC_FD_NULL */
  int is_kept; /* this process goes on using it: a connection, a listener */
} lc_child_fd;

typedef struct lc_subprocess_options {
  /* The program and its arguments, then NULL. A program without a slash is looked for in PATH: that
   * of `env` if it has one. */
  const char *const *argv;
  const char *const *env; /* "NAME=value", then NULL. NULL: the environment of this process */
  const char *cwd;        /* NULL: that of this process */
  const lc_child_fd *fds; /* the child has these descriptors, and no others */
  size_t fd_count;
  int leads_group;      /* the child leads a process group of its own */
  int descriptor_limit; /* the soft limit (RLIMIT_NOFILE) of the child; 0: that of this process */
} lc_subprocess_options;

/* What failed when no child could be started. */
typedef enum lc_start_step {
  LC_START_PROCESS,     /* making the process */
  LC_START_GROUP,       /* its process group */
  LC_START_DESCRIPTORS, /* giving it its descriptors */
  LC_START_DIRECTORY,   /* entering `cwd` */
  LC_START_PROGRAM      /* running the program */
} lc_start_step;

typedef enum lc_end_kind {
  LC_END_EXIT,   /* it called exit, or its main function returned */
  LC_END_SIGNAL, /* a signal ended it */
  LC_END_UNKNOWN /* other code of this process has taken its status: by wait(), or by ignoring SIGCHLD */
} lc_end_kind;

typedef struct lc_subprocess_end {
  lc_end_kind kind;
  int status; /* the exit status, or the number of the signal */
} lc_subprocess_end;

typedef struct lc_subprocess lc_subprocess;

/* Starts a child. All signals have their default actions in it, and none is blocked. The thread
 * stands still until the program runs. Returns the child, or NULL with a code in `*error` and,
 * unless it is NULL, the step that failed in `*step`. In a turn of the loop, `ended` is called
 * once, after the child has ended and has been waited for. */
lc_subprocess *lc_subprocess_start(lc_loop *loop, const lc_subprocess_options *options,
                                   void (*ended)(void *user, const lc_subprocess_end *end),
                                   void *user, int *error, lc_start_step *step);
/* Calls in a turn of the loop. `started` comes first, and once: with 0, when the program runs; or
 * with a code and the step that failed: then the child is freed, and `ended` is not called. */
typedef struct lc_subprocess_events {
  void (*started)(void *user, int error, lc_start_step step);
  void (*ended)(void *user, const lc_subprocess_end *end);
} lc_subprocess_events;
/* Starts a child in the same way, and returns at once where it can: the loop goes on while the
 * child comes to its program, which takes a millisecond, and longer where processors are busy.
 * NULL, with a code, where it fails at once. The library has copied the options, and the
 * descriptors in `fds`. */
lc_subprocess *lc_subprocess_begin(lc_loop *loop, const lc_subprocess_options *options,
                                   const lc_subprocess_events *events, void *user, int *error,
                                   lc_start_step *step);
/* The same for a child of this process that other code has started, or that this process had before
 * it ran another program. -ECHILD: it is no child of this process. */
lc_subprocess *lc_subprocess_take(lc_loop *loop, int pid,
                                  void (*ended)(void *user, const lc_subprocess_end *end),
                                  void *user, int *error);
/* The loop waits for the end of a child that is still running, so that it leaves no zombie. */
void lc_subprocess_free(lc_subprocess *child);

int lc_subprocess_pid(const lc_subprocess *child);
/* NULL while it runs. */
const lc_subprocess_end *lc_subprocess_ended(const lc_subprocess *child);
/* To the child; when it leads a group, to the whole group. -ESRCH: the child has ended. Numbers of processes are used
 * again, so nothing is sent after that. */
int lc_subprocess_signal(lc_subprocess *child, int signal);
/* Sends SIGTERM now, and SIGKILL when the child still runs after `grace`. A second call can only
 * shorten the grace. What is left of the child's own group when the child has ended gets SIGKILL. */
void lc_subprocess_stop(lc_subprocess *child, lc_time grace);

/* Waits, at most `patience`, for the children that were sent SIGKILL. Blocks. For the end of a run.
 * lc_loop_free kills the children that still run, unless they are left alone, and does the same for
 * a second. Returns how many have not ended. */
unsigned lc_subprocess_reap(lc_loop *loop, lc_time patience);
/* Takes the status of one process that is a child of this one, and was not started by the loop: process 1 is given the
 * children of others that have ended. Returns its number; 0 when there is none; -EAGAIN when a child of the loop comes
 * first, whose status the loop takes in a later turn. */
int lc_subprocess_reap_stranger(lc_loop *loop);
/* The child may outlive the loop. */
void lc_subprocess_leave_alone(lc_subprocess *child);

#ifdef __cplusplus
}
#endif

#endif
