/* reply.c - a reply of HTTP/1.1 with a Content-Length, read piece by piece. */
#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void reply_begin(struct reply *reply) { memset(reply, 0, sizeof *reply); }

/* The value of the field, if the line is one with this name. */
static const char *value_of(const char *line, const char *name)
{
  size_t length = strlen(name);
  if (strncasecmp(line, name, length) != 0 || line[length] != ':') return NULL;
  return line + length + 1 + strspn(line + length + 1, " \t");
}

static bool take_line(struct reply *reply)
{
  const char *value;
  if (reply->part == REPLY_STATUS) {
    reply->part = REPLY_FIELDS;
    return strncmp(reply->line, "HTTP/1.1 200", 12) == 0;
  }
  if (reply->line[0] == '\0') {
    reply->part = reply->left > 0 ? REPLY_BODY : REPLY_WHOLE;
    return reply->has_length;
  }
  if ((value = value_of(reply->line, "content-length")) != NULL) {
    reply->has_length = true;
    reply->left = strtoull(value, NULL, 10);
  } else if ((value = value_of(reply->line, "connection")) != NULL) {
    reply->closes = strncasecmp(value, "close", 5) == 0;
  }
  return true;
}

static bool take_byte_of_head(struct reply *reply, char byte)
{
  if (byte != '\n') {
    if (reply->length < REPLY_LINE - 1) reply->line[reply->length++] = byte;
    return true;
  }
  if (reply->length > 0 && reply->line[reply->length - 1] == '\r') reply->length--;
  reply->line[reply->length] = '\0';
  reply->length = 0;
  return take_line(reply);
}

bool reply_take(struct reply *reply, const char *data, size_t length, bool *surplus)
{
  size_t i = 0;
  while (i < length && reply->part < REPLY_BODY)
    if (!take_byte_of_head(reply, data[i++])) return false;
  if (reply->part == REPLY_BODY) {
    uint64_t part = reply->left < length - i ? reply->left : length - i;
    reply->left -= part;
    i += (size_t)part;
    if (reply->left == 0) reply->part = REPLY_WHOLE;
  }
  *surplus = *surplus || i < length;
  return true;
}
