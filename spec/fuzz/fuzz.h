/* fuzz.h - what the fuzz targets share: the bytes they are given, and how they say that something
 * is wrong.
 *
 * A target is LLVMFuzzerTestOneInput: it makes of any bytes something to do, and
 * compares what comes of it with a model so simple that it can be read. With
 * libFuzzer it is driven by `make fuzz`; with replay.c by the files of its corpus.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert it is there in every build, and says it in one line that libFuzzer's report
 * follows. */
#define MUST(condition)                                                         \
  do {                                                                          \
    static const char said_[] = __FILE__ ": must hold: " #condition "\n";       \
    if (!(condition) && (write(2, said_, sizeof said_ - 1) >= 0 || 1)) abort(); \
  } while (0)

/* Bytes to decide by, taken from the front; 0 when there are none left. */
typedef struct fuzz_data {
  const uint8_t *at;
  size_t left;
} fuzz_data;

static inline unsigned fuzz_byte(fuzz_data *data)
{
  if (!data->left) return 0;
  data->left--;
  return *data->at++;
}

/* A size: small ones in a byte, up to 65 KiB in three. */
static inline size_t fuzz_size(fuzz_data *data)
{
  unsigned first = fuzz_byte(data);
  if (first < 0xf0) return first;
  unsigned second = fuzz_byte(data), third = fuzz_byte(data);
  return (size_t)(first & 1) << 16 | second << 8 | third;
}

#endif
