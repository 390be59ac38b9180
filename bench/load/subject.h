/* subject.h - the server that is measured: its processes, their processor time and memory, its end.
 *
 * A server is any program that listens on 127.0.0.1, prints one line that ends in its port, serves,
 * and ends in order on SIGTERM. Lines "name=number ..." that it prints later are passed on.
 */
#ifndef LOAD_SUBJECT_H
#define LOAD_SUBJECT_H

#include <stdint.h>
#include <sys/types.h>

enum { SUBJECT_PROCESSES = 256 };

struct subject {
  pid_t process[SUBJECT_PROCESSES]; /* the one that was started, then its children */
  unsigned processes;
  int output;
  uint16_t port;
};

struct subject_end {
  int64_t elapsed;   /* from SIGTERM until the process was gone */
  int64_t processor; /* all that it and its children ever used */
  int status;        /* as wait(2) tells it */
  char said[4096];   /* what it printed after its port, newlines as blanks */
};

/* Starts the program on one processor (negative: any), and waits until it listens. */
void subject_start(struct subject *subject, char **command, int processor);

/* The processor time of all its processes until now, in nanoseconds. */
int64_t subject_processor(const struct subject *subject);

/* Bytes of memory that its processes have to themselves, and are resident. */
int64_t subject_memory(const struct subject *subject);

/* How many of them serve: a process with children leaves that to them. */
unsigned subject_servers(const struct subject *subject);

/* Its processes stand still, and go on. */
void subject_freeze(const struct subject *subject);
void subject_thaw(const struct subject *subject);

/* SIGTERM. */
void subject_stop(const struct subject *subject);

/* Waits until it is gone; `stopped` is when it was told to stop. Kills it after `seconds`. */
void subject_wait(struct subject *subject, int64_t stopped, double seconds,
                  struct subject_end *end);

#endif
