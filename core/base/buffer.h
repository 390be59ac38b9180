/* buffer.h - bytes between a start and an end, in memory that grows and is freed when empty.
 *
 * The holder of a buffer keeps a pointer, which is NULL while there are no bytes. Most connections
 * are idle, so this pointer is all that a buffer costs them.
 */
#ifndef LC_BUFFER_H
#define LC_BUFFER_H

#include <stddef.h>
#include <stdlib.h>

typedef struct lc_buffer {
  size_t start;
  size_t end;
  size_t capacity;
  size_t scanned; /* bytes from the start that were searched for a delimiter already */
  char data[];
} lc_buffer;

static inline size_t lc_buffer_size(const lc_buffer *buffer)
{
  return buffer ? buffer->end - buffer->start : 0;
}
static inline char *lc_buffer_bytes(lc_buffer *buffer) { return buffer->data + buffer->start; }

/* Makes an empty buffer. NULL for lack of memory. */
lc_buffer *lc_buffer_new(size_t capacity);
/* Makes room for `size` more bytes behind the end. Moves the contents to the front when that is
 * enough; else allocates anew, and changes `*place` (NULL at first). Returns 0 or -ENOMEM. */
int lc_buffer_reserve(lc_buffer **place, size_t size);
int lc_buffer_append(lc_buffer **place, const char *data, size_t size);
void lc_buffer_drop(lc_buffer *buffer, size_t size); /* from the front */
/* Most connections have no buffer to free. */
static inline void lc_buffer_free(lc_buffer **place)
{
  if (!*place) return;
  free(*place);
  *place = NULL;
}

#endif
