/* histogram.c - a bucket is the exponent of two and the six bits after the first. */
#include "histogram.h"

enum { STEPS = 1 << HISTOGRAM_FINE };

static unsigned bucket_of(uint64_t value)
{
  if (value < STEPS) return (unsigned)value;
  unsigned exponent = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_FINE;
  unsigned bucket = ((exponent + 1) << HISTOGRAM_FINE) + (unsigned)((value >> exponent) - STEPS);
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static double value_of(unsigned bucket)
{
  if (bucket < STEPS) return bucket;
  unsigned exponent = (bucket >> HISTOGRAM_FINE) - 1;
  double width = (double)(UINT64_C(1) << exponent);
  return (STEPS + bucket % STEPS) * width + width / 2;
}

void histogram_add(struct histogram *histogram, int64_t nanoseconds)
{
  histogram->count++;
  histogram->bucket[bucket_of(nanoseconds > 0 ? (uint64_t)nanoseconds : 0)]++;
}

double histogram_quantile(const struct histogram *histogram, double share)
{
  double wanted = share * (double)histogram->count;
  uint64_t seen = 0;
  if (histogram->count == 0) return 0;
  for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->bucket[bucket];
    if (seen > 0 && (double)seen >= wanted) return value_of(bucket);
  }
  return value_of(HISTOGRAM_BUCKETS - 1);
}
