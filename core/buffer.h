/* buffer.h - bytes between a start and an end, in memory that grows and is freed when empty. */
#ifndef LC_BUFFER_H
#define LC_BUFFER_H

#include <stddef.h>

typedef struct lc_buffer {
  char *data; /* NULL when it holds nothing */
  size_t start;
  size_t end;
  size_t capacity;
} lc_buffer;

static inline size_t lc_buffer_size(const lc_buffer *buffer) { return buffer->end - buffer->start; }
static inline char *lc_buffer_bytes(const lc_buffer *buffer)
{
  return buffer->data + buffer->start;
}

/* Makes room for `size` more bytes behind the end, moving the contents to the front when that is
 * enough. 0 or -ENOMEM. Only for memory of the buffer's own. */
int lc_buffer_reserve(lc_buffer *buffer, size_t size);
int lc_buffer_append(lc_buffer *buffer, const char *data, size_t size);
void lc_buffer_drop(lc_buffer *buffer, size_t size); /* from the front */
void lc_buffer_free(lc_buffer *buffer);

#endif
