/* http/fields.h - the headers of a response, from a script's tables to lines. */
#ifndef LC_BINDING_HTTP_FIELDS_H
#define LC_BINDING_HTTP_FIELDS_H

#include <lua.h>

#include "lastcall.h"

/* What the headers say besides the lines that are written. */
typedef struct http_fields {
  lc_http_writer lines;
  int64_t length; /* Content-Length; -1: none */
  int has_date;
  int has_type;
  int closes; /* Connection: close */
} http_fields;

/* Reads the tables at `first` to `last` of the stack; what is nil is none. Raises for what must not
 * be sent, naming `operation`. The lines lie in `place`, or in memory that is pushed when they are
 * longer [0, +0 or 1]. */
void http_fields_read(lua_State *L, int first, int last, const char *operation, char *place,
                      size_t room, http_fields *fields);

#endif
