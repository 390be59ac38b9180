/* http_field.h - what the fields of a head mean for its connection, and for the length of its
 * body. */
#ifndef LC_HTTP_FIELD_H
#define LC_HTTP_FIELD_H

#include "lastcall.h"

/* A field has been read: notes what it says. */
lc_http_fault lc_http_field_note(lc_http_head *head, const char *data, const lc_http_field *field);

/* All fields have been read: decides what they mean together. */
lc_http_fault lc_http_fields_end(lc_http_head *head);

#endif
