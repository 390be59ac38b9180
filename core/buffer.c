/* buffer.c - bytes between a start and an end, in memory that grows and is freed when empty. */
#include "buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 512 };

int lc_buffer_reserve(lc_buffer *buffer, size_t size)
{
  size_t held = lc_buffer_size(buffer);
  if (buffer->capacity - buffer->end >= size) return 0;
  if (size > SIZE_MAX / 2 - held) return -ENOMEM;
  if (buffer->data && buffer->capacity - held >= size && held <= buffer->start) {
    memcpy(buffer->data, buffer->data + buffer->start, held); /* at most once per `start` bytes */
  } else {
    size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;
    while (capacity - held < size) capacity *= 2;
    char *data = malloc(capacity);
    if (!data) return -ENOMEM;
    if (buffer->data && held) memcpy(data, buffer->data + buffer->start, held);
    free(buffer->data);
    buffer->data = data;
    buffer->capacity = capacity;
  }
  buffer->start = 0;
  buffer->end = held;
  return 0;
}

int lc_buffer_append(lc_buffer *buffer, const char *data, size_t size)
{
  if (!size) return 0;
  int result = lc_buffer_reserve(buffer, size);
  if (result < 0) return result;
  memcpy(buffer->data + buffer->end, data, size);
  buffer->end += size;
  return 0;
}

void lc_buffer_drop(lc_buffer *buffer, size_t size)
{
  buffer->start += size;
  if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
}

void lc_buffer_free(lc_buffer *buffer)
{
  free(buffer->data);
  *buffer = (lc_buffer){0};
}
