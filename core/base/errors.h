/* errors.h - the names of the kernel's errors. A table of our own: not every libc has one that may be asked from any
 * thread, and some have none. */
#ifndef LC_ERRORS_H
#define LC_ERRORS_H

typedef struct lc_error {
  int number;       /* errno */
  const char *name; /* "EMFILE" */
  const char *word; /* "emfile" */
  const char *text; /* "Too many open files" */
} lc_error;

/* NULL for a number that is none. */
const lc_error *lc_error_find(int number);

#endif
