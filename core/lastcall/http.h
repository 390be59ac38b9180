/* lastcall/http.h - the bytes of HTTP/1.1: heads and chunked bodies, read and written.
 *
 * Nothing here knows a connection, allocates, or calls the system. Reading gives places in the
 * caller's bytes, and what the fields mean for the connection; a message that another server might
 * understand otherwise is refused.
 */
#ifndef LASTCALL_HTTP_H
#define LASTCALL_HTTP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lastcall/code.h"
#include "lastcall/read.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ faults -- */

#define LC_HTTP_BAD (-EBADMSG) /* refused: `fault` says why */

/* Why a message is refused. */
typedef enum lc_http_fault {
  LC_HTTP_NO_FAULT,
  LC_HTTP_BAD_METHOD,
  LC_HTTP_BAD_METHOD_LONG,
  LC_HTTP_BAD_CONNECT,
  LC_HTTP_BAD_TARGET,
  LC_HTTP_BAD_TARGET_FORM,
  LC_HTTP_BAD_TARGET_HOST,
  LC_HTTP_BAD_LINE_LONG,
  LC_HTTP_BAD_VERSION,
  LC_HTTP_BAD_VERSION_OTHER,
  LC_HTTP_BAD_STATUS_LINE,
  LC_HTTP_BAD_LINE_END,
  LC_HTTP_BAD_NAME,
  LC_HTTP_BAD_FOLDED,
  LC_HTTP_BAD_VALUE,
  LC_HTTP_BAD_HEAD_LONG,
  LC_HTTP_BAD_FIELDS,
  LC_HTTP_BAD_HOST_MISSING,
  LC_HTTP_BAD_HOST_TWICE,
  LC_HTTP_BAD_HOST,
  LC_HTTP_BAD_LENGTH,
  LC_HTTP_BAD_LENGTH_TWICE,
  LC_HTTP_BAD_LENGTH_LARGE,
  LC_HTTP_BAD_CODING,
  LC_HTTP_BAD_CODING_OTHER,
  LC_HTTP_BAD_CODING_TWICE,
  LC_HTTP_BAD_CODING_NOT_LAST,
  LC_HTTP_BAD_CODING_OLD,
  LC_HTTP_BAD_CODING_AND_LENGTH,
  LC_HTTP_BAD_EXPECT,
  LC_HTTP_BAD_CHUNK_SIZE,
  LC_HTTP_BAD_CHUNK_EXTENSION,
  LC_HTTP_BAD_CHUNK_EXTENSION_LONG,
  LC_HTTP_BAD_CHUNK_OVERHEAD,
  LC_HTTP_BAD_CHUNK_END,
  LC_HTTP_BAD_TRAILER,
  LC_HTTP_FAULTS
} lc_http_fault;
/* The status to answer a request with: 400, 414, 417, 431, 501 or 505. After the answer the
 * connection is closed: what follows cannot be told from the request's body. */
int lc_http_fault_status(lc_http_fault fault);
/* A sentence fragment for a log. Static storage. */
const char *lc_http_fault_text(lc_http_fault fault);

/* ------------------------------------------------------------------- heads -- */

/* A place in the bytes that were read, from their beginning. */
typedef struct lc_http_span {
  uint32_t at;
  uint32_t length;
} lc_http_span;

typedef struct lc_http_field {
  lc_http_span name;  /* as it was sent */
  lc_http_span value; /* without the white space around it */
} lc_http_field;

typedef enum lc_http_kind {
  LC_HTTP_REQUEST,
  LC_HTTP_RESPONSE,
  LC_HTTP_TRAILERS /* the fields behind the last chunk */
} lc_http_kind;

/* Methods that servers have to tell apart often. They are case-sensitive. */
typedef enum lc_http_method {
  LC_HTTP_OTHER,
  LC_HTTP_GET,
  LC_HTTP_HEAD,
  LC_HTTP_POST,
  LC_HTTP_PUT,
  LC_HTTP_DELETE,
  LC_HTTP_OPTIONS,
  LC_HTTP_PATCH,
  LC_HTTP_METHODS
} lc_http_method;

typedef enum lc_http_body {
  LC_HTTP_NO_BODY,
  LC_HTTP_SIZED,      /* content_length bytes */
  LC_HTTP_CHUNKED,    /* lc_http_chunks_read */
  LC_HTTP_UNTIL_CLOSE /* of a response: as much as comes */
} lc_http_body;

#define LC_HTTP_MAX_HEAD 32768u
#define LC_HTTP_MAX_LINE 8192u
#define LC_HTTP_MAX_FIELDS 100u

typedef struct lc_http_head {
  /* The caller's. */
  lc_http_field *fields; /* in the same place until the head is whole */
  uint32_t max_fields;   /* how many there is room for; a head with more is refused */
  uint32_t max_line;     /* LC_HTTP_MAX_LINE: the request line, and an empty line before it */
  uint32_t max_head;     /* LC_HTTP_MAX_HEAD: all of it */
  int answers_head;      /* 0; 1: a response to a HEAD request, which has no body */

  /* The result. Spans are empty where there is nothing. */
  lc_http_span method;
  lc_http_span target;
  /* The path as it was sent: "/" for a URL that has none, "*" for OPTIONS *. */
  lc_http_span path;
  lc_http_span query; /* of the target, behind its "?" */
  lc_http_span host;  /* of a URL as target, else the value of Host; with the port */
  /* The value of the first Upgrade field, if Connection names it and the version is 1.1. */
  lc_http_span upgrade;
  lc_http_span reason; /* of a response */
  /* Of the body, for LC_HTTP_SIZED. A response without a body may have one, too. */
  uint64_t content_length;
  uint32_t count;                /* of fields */
  uint16_t status;               /* of a response */
  uint8_t kind;                  /* lc_http_kind */
  uint8_t method_known;          /* lc_http_method */
  uint8_t minor;                 /* 0 or 1: the version is 1.0 or 1.1 */
  uint8_t body;                  /* lc_http_body */
  uint8_t fault;                 /* lc_http_fault */
  unsigned persists : 1;         /* another message may follow on the connection */
  unsigned expects_continue : 1; /* the client waits for "100 Continue" before it sends the body */
  unsigned is_absolute : 1;      /* the target is a URL */
  unsigned has_host : 1;         /* fields that were seen */
  unsigned has_length : 1;
  unsigned has_coding : 1;
  unsigned has_upgrade : 1;
  unsigned is_chunked : 1; /* the codings seen so far, and the options of Connection */
  unsigned is_coded_otherwise : 1;
  unsigned says_close : 1;
  unsigned says_keep_alive : 1;
  unsigned says_upgrade : 1;

  /* The reader's: how far it has come. */
  uint8_t state;
  uint32_t at;
  uint32_t mark;
} lc_http_head;

/* Begins a head. `fields` has room for `max_fields` of them. */
void lc_http_head_init(lc_http_head *head, lc_http_kind kind, lc_http_field *fields,
                       uint32_t max_fields);
/* Reads as far as the bytes go. `data` begins with the head's first byte in each call, and has the
 * same bytes as in the call before, or more behind them; it may have moved. What has been read is
 * not looked at again. Returns how many bytes the head has, the empty line behind it included: the
 * body begins there. LC_AGAIN: it is not whole yet. LC_HTTP_BAD: it is refused, as early as that is
 * certain. How the bytes were cut into calls makes no difference to the result. */
ssize_t lc_http_head_read(lc_http_head *head, const char *data, size_t length);

/* The first field of that name, in any case, behind `after` (NULL: of all); NULL when there is
 * none. */
const lc_http_field *lc_http_field_find(const lc_http_head *head, const char *data,
                                        const char *name, size_t length,
                                        const lc_http_field *after);

/* --------------------------------------------------------- chunked bodies -- */

#define LC_HTTP_MAX_EXTENSION 256u /* bytes of a chunk's extensions */
/* Bytes that are not data, beyond 16 for each chunk and two for each byte of data. */
#define LC_HTTP_MAX_OVERHEAD 16384u

typedef struct lc_http_chunks {
  uint64_t left;      /* bytes of the chunk under way that have not come */
  uint32_t overhead;  /* what counts for LC_HTTP_MAX_OVERHEAD */
  uint16_t extension; /* bytes of the extensions under way */
  uint8_t line;       /* bytes of the size under way, and what ends the chunk before */
  uint8_t state;
  uint8_t fault;   /* lc_http_fault */
  uint8_t is_over; /* the last chunk has come; trailers follow, perhaps none: LC_HTTP_TRAILERS */
} lc_http_chunks;

void lc_http_chunks_init(lc_http_chunks *chunks);
/* Reads on where the call before has stopped, up to the end of the next piece of data. Returns how
 * many bytes are done with, the piece included; it is empty when these bytes have no data. Or
 * LC_HTTP_BAD. After the last chunk `is_over` is set, and further calls return 0. */
ssize_t lc_http_chunks_read(lc_http_chunks *chunks, const char *data, size_t length,
                            lc_slice *piece);

/* ----------------------------------------------------------------- writing -- */

/* A response head in the caller's memory. Where that is too small, writing goes on without it:
 * `length` then says how much room is needed. */
typedef struct lc_http_writer {
  char *data;
  size_t room;
  size_t length;
} lc_http_writer;

void lc_http_write_begin(lc_http_writer *writer, char *data, size_t room);
/* The first line. `status` is 100 to 599; `reason` NULL: the usual words. Returns 0, or -EINVAL for
 * what must not be sent, and nothing is written. */
int lc_http_write_status(lc_http_writer *writer, int status, const char *reason, size_t length);
/* A field, also of trailers. -EINVAL: the name is not a token, or the value has a CR, LF, NUL or
 * another control character. */
int lc_http_write_field(lc_http_writer *writer, const char *name, size_t name_length,
                        const char *value, size_t value_length);
void lc_http_write_length(lc_http_writer *writer, uint64_t length); /* Content-Length */
/* The empty line. Returns 0, or LC_TOO_LONG: there is not enough room. */
int lc_http_write_end(lc_http_writer *writer);

/* Whether a text may be the name of a field, or a method; whether it may be the value of one, or a
 * reason. */
int lc_http_is_token(const char *text, size_t length);
int lc_http_is_value(const char *text, size_t length);

/* The usual words for a status; "Status" when there are none. Static storage. */
const char *lc_http_reason(int status);

#define LC_HTTP_DATE_SIZE 29u
/* Writes the date of a second since 1970, up to the year 9999: "Sun, 06 Nov 1994 08:49:37 GMT". No
 * zero byte follows. */
void lc_http_date(char *text, int64_t seconds);

#define LC_HTTP_CHUNK_HEAD 18u
/* Writes what comes before the data of a chunk, and returns its length. CR LF follows the data.
 * Size 0 begins the end of the body: trailers and an empty line follow. */
size_t lc_http_chunk_head(char *text, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
