/* buffer.c - bytes between a start and an end, in memory that grows and is freed when empty. */
#include "base/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { SMALLEST = 512 - sizeof(lc_buffer) };

lc_buffer *lc_buffer_new(size_t capacity)
{
  if (capacity > SIZE_MAX / 2) return NULL;
  lc_buffer *buffer = malloc(sizeof *buffer + capacity);
  if (buffer) *buffer = (lc_buffer){.capacity = capacity};
  return buffer;
}

static void to_the_front(lc_buffer *buffer)
{
  size_t held = lc_buffer_size(buffer);
  memcpy(buffer->data, buffer->data + buffer->start, held);
  buffer->start = 0;
  buffer->end = held;
}

static int grow(lc_buffer **place, size_t size)
{
  lc_buffer *old = *place;
  size_t held = lc_buffer_size(old), capacity = old ? old->capacity : SMALLEST;
  if (size > SIZE_MAX / 4 - held) return -ENOMEM;
  while (capacity - held < size) capacity *= 2;
  lc_buffer *buffer = lc_buffer_new(capacity);
  if (!buffer) return -ENOMEM;
  if (held) memcpy(buffer->data, lc_buffer_bytes(old), held);
  buffer->end = held;
  buffer->scanned = old ? old->scanned : 0;
  free(old);
  *place = buffer;
  return 0;
}

int lc_buffer_reserve(lc_buffer **place, size_t size)
{
  lc_buffer *buffer = *place;
  if (!buffer) return grow(place, size);
  if (buffer->capacity - buffer->end >= size) return 0;
  size_t held = lc_buffer_size(buffer);
  if (buffer->capacity - held < size || held > buffer->start) return grow(place, size);
  to_the_front(buffer); /* at most once per `start` bytes */
  return 0;
}

int lc_buffer_append(lc_buffer **place, const char *data, size_t size)
{
  if (!size) return 0;
  int result = lc_buffer_reserve(place, size);
  if (result < 0) return result;
  memcpy((*place)->data + (*place)->end, data, size);
  (*place)->end += size;
  return 0;
}

void lc_buffer_drop(lc_buffer *buffer, size_t size)
{
  if (!buffer) return;
  buffer->start += size;
  buffer->scanned = buffer->scanned > size ? buffer->scanned - size : 0;
  if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
}
