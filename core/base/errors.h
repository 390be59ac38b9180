/* errors.h - the names of the kernel's errors.
 *
 * The table is our own. Some libcs have no such function, and that of others must not be called
 * from several threads.
 */
#ifndef LC_ERRORS_H
#define LC_ERRORS_H

typedef struct lc_error {
  int number;       /* errno */
  const char *name; /* "EMFILE" */
  const char *word; /* "emfile" */
  const char *text; /* "Too many open files" */
} lc_error;

/* Returns NULL for a number that is no errno. */
const lc_error *lc_error_find(int number);

#endif
