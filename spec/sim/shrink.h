/* shrink.h - the least of a plan that still goes wrong in the same way. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "run.h"

/* `plan` has just failed; it is made as small as it can be found to be. How many runs it took. */
unsigned shrink(run *in, plan *plan);

#endif
