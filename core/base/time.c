/* time.c - converts between the seconds of scripts and the nanoseconds of the core, and adds
 * times. */
#include <math.h>

#include "lastcall.h"

/* 2^63, the first double that no longer fits. */
#define TOO_MANY 9223372036854775808.0

lc_time lc_seconds(double seconds)
{
  double exact = seconds * (double)LC_SECOND;
  if (isnan(exact)) return 0;
  exact += exact < 0 ? -0.5 : 0.5; /* to the nearest: 0.3 s is 300000000, not one less */
  if (exact >= TOO_MANY) return LC_NEVER;
  if (exact <= -TOO_MANY) return -LC_NEVER;
  return (lc_time)exact;
}

double lc_to_seconds(lc_time time)
{
  if (time >= LC_NEVER) return (double)INFINITY;
  if (time <= -LC_NEVER) return (double)-INFINITY;
  return (double)time / (double)LC_SECOND;
}

lc_time lc_time_add(lc_time a, lc_time b)
{
  if (a == LC_NEVER || b == LC_NEVER) return LC_NEVER;
  if (b > 0 && a > LC_NEVER - b) return LC_NEVER;
  if (b < 0 && a < -LC_NEVER - b) return -LC_NEVER;
  return a + b;
}

lc_time lc_time_earlier(lc_time a, lc_time b) { return a < b ? a : b; }
