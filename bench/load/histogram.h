/* histogram.h - latencies in buckets that are at most 1/64 wide, from 0 ns to 2^40 (18 minutes). */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE = 6, HISTOGRAM_BUCKETS = (40 - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE };

struct histogram {
  uint64_t count;
  uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, int64_t nanoseconds);

/* The value that this share of all, 0 to 1, does not exceed; in nanoseconds, 0 when there are none. */
double histogram_quantile(const struct histogram *histogram, double share);

#endif
