/* replay.c - runs a fuzz target on the files that are named: what `make test` does with the
 * corpora. */
#include <stdio.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int run(const char *path)
{
  static uint8_t input[INPUT_MAX];
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return 0;
  }
  size_t size = fread(input, 1, sizeof input, file);
  fclose(file);
  uint8_t *copy = malloc(size ? size : 1); /* of its own, so that reading beyond it shows */
  if (!copy) return 0;
  for (size_t i = 0; i < size; i++) copy[i] = input[i];
  fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
  return 1;
}

int main(int count, char **paths)
{
  for (int i = 1; i < count; i++)
    if (!run(paths[i])) return 1;
  printf("%d inputs\n", count - 1);
  return 0;
}
