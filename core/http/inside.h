/* http/inside.h - what a service and an exchange are made of, for the files of http/.
 *
 * An exchange is a request and its reply. It exists from the first byte of a head until its unit
 * has ended and nobody holds it, and then waits in the service's pool. Between two requests a
 * connection has none.
 *
 *   head ----> unit ----> (skipping) ----> over
 *    |                        |
 *    `------------------------+----> refused: answered, and the connection ends
 *
 *   head      part of the head has come
 *   unit      the embedder works: it reads the body, and replies
 *   skipping  the unit has ended, and a short rest of the body is taken from the connection
 */
#ifndef LC_HTTP_INSIDE_H
#define LC_HTTP_INSIDE_H

#include "conn/inside.h"
#include "conn/protocol.h"

#define LC_HTTP_SERVICE_OF(protocol) LC_OWNER(protocol, lc_http_service, own)

enum { LC_HTTP_DATE_LINE = sizeof "Date: \r\n" - 1 + LC_HTTP_DATE_SIZE };

enum { LC_HTTP_KEEP_LINE = 48 }; /* "Keep-Alive: timeout=" and the digits of any time */

typedef enum lc_http_stage {
  LC_HTTP_STAGE_HEAD,
  LC_HTTP_STAGE_UNIT,
  LC_HTTP_STAGE_SKIPPING
} lc_http_stage;

/* Bytes that are to be sent, made by the library: heads, and what stands around chunks. */
typedef struct lc_http_outgoing {
  char *bytes;
  size_t room;
  size_t from; /* those before were sent */
  size_t length;
} lc_http_outgoing;

struct lc_http_exchange {
  lc_http_service *service;
  lc_http_exchange *next; /* in the pool */
  uint64_t id;
  uint32_t holds; /* of the connection, and of the embedder */
  uint8_t stage;  /* lc_http_stage */

  lc_time began; /* when its head was whole */

  /* The request. */
  lc_http_head head;
  char *bytes; /* the head, and the trailers behind it */
  size_t room;
  size_t head_length;
  lc_http_incoming body;
  uint64_t body_read;
  lc_time body_began; /* when reading it began, or skipping it; 0: neither has */
  unsigned has_trailers : 1;
  uint16_t refusal;       /* the status that a failure of the body asks for; 0: none */
  unsigned continued : 1; /* "100 Continue" was sent */
  unsigned counted : 1;   /* among the requests at work */
  unsigned given_up : 1;  /* it was canceled, and its work says nothing more */

  /* The reply. */
  unsigned begun : 1;
  unsigned ended : 1;
  unsigned closes : 1;
  unsigned chunked : 1;
  unsigned bodyless : 1; /* HEAD, 204, 304: bytes of a body are counted, and not sent */
  unsigned sized : 1;    /* reply_left counts */
  unsigned upgraded : 1;
  unsigned told : 1; /* options.replied has been called */
  uint16_t status;
  uint64_t sent; /* bytes of the body */
  uint64_t reply_left;
  uint64_t chunk_left; /* of the chunk under way */
  lc_http_outgoing out;

  lc_http_field fields[]; /* max_fields for the head, and as many for the trailers */
};

struct lc_http_service {
  lc_protocol own;
  lc_http_options options;
  char *ready_path;
  lc_network *trusted;
  size_t ready_length;
  lc_http_exchange *pool;
  uint32_t pooled;
  uint32_t exchanges; /* all of them, also those in the pool */
  lc_time keep_of;    /* the time that `keep_line` has */
  char keep_line[LC_HTTP_KEEP_LINE];
  size_t keep_length;
  uint32_t in_flight;
  uint64_t last_id;
  uint64_t served;
  uint64_t failed; /* replies of 500 to 599 */
  int is_over;     /* it is freed with its last exchange */
  int64_t date_of; /* the second that `date_line` has */
  lc_time date_at; /* by the loop's clock: when it was found out */
  char date_line[LC_HTTP_DATE_LINE];
};

/* exchange.c */
extern const char lc_http_name[]; /* of the protocol: no other has this address */
void lc_http_exchanges_end(lc_http_service *service); /* those in the pool; the service is over */
lc_http_exchange *lc_http_exchange_begin(lc_http_service *service); /* held once; NULL: no memory */
/* Ends the connection's hold: no unit is under way any more. */
void lc_http_exchange_leave(lc_conn *conn);
void lc_http_exchange_uncount(lc_http_exchange *x);

/* body.c */
void lc_http_body_begin(lc_http_exchange *x);
/* In words, once it has failed. Static storage. */
const char *lc_http_body_failure(const lc_http_exchange *x);
/* Whether what lies in the buffer of the body makes sense: 0 or LC_HTTP_BAD. Takes nothing. */
int lc_http_body_check(const lc_http_exchange *x, const lc_slice *held, uint8_t *fault);
/* Takes what is there of an unread body, at most so much of it that waiting for the rest is worth
 * while. 0: it is over; LC_AGAIN; or another code: the connection is to end. */
int lc_http_body_skip(lc_http_exchange *x, lc_conn *conn);
/* Whether so little is unread that the connection can go on after skipping it. May receive. */
int lc_http_body_is_short(const lc_http_exchange *x, lc_conn *conn);

/* known.c */
int lc_http_label(const lc_conn *conn, const void *state, char *text, size_t size, lc_time *since);

/* sending.c */
int lc_http_out_add(lc_http_outgoing *out, const char *bytes, size_t length); /* 0 or -ENOMEM */
char *lc_http_out_room(lc_http_outgoing *out,
                       size_t size);                      /* behind what it has; NULL: no memory */
int lc_http_out_send(lc_http_exchange *x, lc_conn *conn); /* 0, LC_AGAIN, or a code */

#endif
