/* reply.h - a reply of HTTP/1.1 with a Content-Length, read piece by piece.
 *
 *   status ──> fields ──> body ──> whole
 *
 * Only what a client of a storm has to know: was it 200, is it whole, does the server close behind it.
 */
#ifndef CLIENTS_REPLY_H
#define CLIENTS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reply_part { REPLY_STATUS, REPLY_FIELDS, REPLY_BODY, REPLY_WHOLE };
enum { REPLY_LINE = 40 };

struct reply {
  enum reply_part part;
  bool has_length, closes;
  uint64_t left;         /* bytes of the body that have not come */
  char line[REPLY_LINE]; /* of the head; what a line has beyond is not kept */
  size_t length;
};

void reply_begin(struct reply *reply);

/* Takes the next bytes, and sets `*surplus` when the reply ends before they do. False: this is no reply of 200. */
bool reply_take(struct reply *reply, const char *data, size_t length, bool *surplus);

#endif
