/* gate.h - a kernel that is real but for `resolve`: there each question waits until a test lets it
 * go. */
#ifndef SPEC_GATE_H
#define SPEC_GATE_H

#include <pthread.h>

#include "sys/sys.h"

/* Everything is guarded by `lock`; `changed` tells of any change. */
typedef struct gate {
  lc_sys sys;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int is_shut;     /* questions wait in `resolve` */
  int inside;      /* how many do */
  int asked;       /* how many came in all */
  int has_signals; /* a question was asked with signals not blocked */
  char last_host[LC_HOST_MAX + 1];
} gate;

#define GATE_INIT                                                          \
  {                                                                        \
    .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
  }

void gate_open(gate *g, int is_shut); /* as new, for another test */
void gate_set(gate *g, int is_shut);
/* Waits until `asked` questions have come, and one stands inside. */
void gate_wait(gate *g, int asked);
int gate_asked(gate *g);
/* Answers "none" with a failure, and anything else with two addresses that bear the port. */
int gate_resolve(const lc_sys *sys, const char *host, uint16_t port, lc_address *found,
                 int capacity);

int gate_threads(void); /* how many this process has */
/* The checkers have a thread of their own, which begins with our first: before anything is
 * counted. */
void gate_begin(void);

#endif
