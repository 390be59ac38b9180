/* lastcall/time.h - times: nanoseconds on the monotonic clock. */
#ifndef LASTCALL_TIME_H
#define LASTCALL_TIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t lc_time;
#define LC_NEVER INT64_MAX
#define LC_MILLISECOND ((lc_time)1000000)
#define LC_SECOND ((lc_time)1000000000)

/* Converts seconds to lc_time. Clamps to [-LC_NEVER, LC_NEVER]; not-a-number gives 0. */
lc_time lc_seconds(double seconds);
double lc_to_seconds(lc_time time);
/* Adds without overflow. LC_NEVER stays LC_NEVER. */
lc_time lc_time_add(lc_time a, lc_time b);
lc_time lc_time_earlier(lc_time a, lc_time b);

#ifdef __cplusplus
}
#endif

#endif
