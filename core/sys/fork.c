/* fork.c - notes that the process has forked: then parent and child both have all descriptors. */
#include "sys/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_once_t noting = PTHREAD_ONCE_INIT;
/* Stays 1 where forks cannot be noted, for lack of memory. */
static atomic_int has_company = 1;

/* After a fork it is called in the parent and in the child. */
void lc_sys_note_company(void) { atomic_store_explicit(&has_company, 1, memory_order_relaxed); }

static void begin(void)
{
  if (pthread_atfork(NULL, lc_sys_note_company, lc_sys_note_company) == 0)
    atomic_store_explicit(&has_company, 0, memory_order_relaxed);
}

void lc_sys_note_forks(void) { pthread_once(&noting, begin); }

int lc_sys_is_alone(const lc_sys *sys)
{
  (void)sys;
  return !atomic_load_explicit(&has_company, memory_order_relaxed);
}
