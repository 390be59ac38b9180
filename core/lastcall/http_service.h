/* lastcall/http_service.h - a server of HTTP/1.1: the protocol of its connections, requests, and
 * replies.
 *
 *   lc_http_service *service = lc_http_service_new(NULL);
 *   options.protocol = lc_http_service_protocol(service);
 *
 * LC_UNIT announces a request, whose head is whole. The embedder reads its body where it wants it,
 * replies, and calls lc_conn_unit_ended. From the moment on when the server is to leave, each reply
 * carries "Connection: close". What makes no sense is answered and closed without the embedder.
 */
#ifndef LASTCALL_HTTP_SERVICE_H
#define LASTCALL_HTTP_SERVICE_H

#include <sys/uio.h>

#include "lastcall/address.h"
#include "lastcall/http.h"
#include "lastcall/options.h"
#include "lastcall/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_http_service lc_http_service;
typedef struct lc_http_exchange lc_http_exchange;

/* The comments begin with the default. */
typedef struct lc_http_options {
  /* 10 s: for a head, from its first byte on. Then 408. */
  lc_time head_timeout;
  /* 30 s: for each piece of a body. */
  lc_time body_timeout;
  /* 240: bytes of a body a second, on the average, after the first body_timeout. 0: no bound. */
  uint32_t body_rate;
  /* 16 MiB: the longest body. Then 413. */
  uint64_t max_body;
  /* 32 KiB and 100. Then 431. */
  uint32_t max_head;
  uint32_t max_fields;
  /* 0: no bound. The number of requests at work; one more is answered with 503. */
  uint32_t max_in_flight;
  /* "" : none. GET of this path is answered by the library: 200, and 503 from the moment on when
   * the server is to leave. Copied. */
  const char *ready_path;
  /* NULL and 0: the peers whose X-Forwarded-For and X-Forwarded-Proto are believed. Copied. */
  const lc_network *trusted;
  size_t trusted_count;
  /* NULL. Called once for each reply, also of the library, when it has been written or given up;
   * for a log. It may look at the exchange, and change nothing. */
  void (*replied)(const lc_http_exchange *x, const lc_conn *conn, void *user);
  /* NULL. Called for each request that the library refuses, before its answer; for a log. `why` is
   * static. It may look at the connection, and change nothing. */
  void (*refused)(const lc_conn *conn, int status, const char *why, void *user);
  void *user;
} lc_http_options;
void lc_http_options_init(lc_http_options *options);

/* `options` NULL: the defaults. NULL for lack of memory. Of one loop. */
lc_http_service *lc_http_service_new(const lc_http_options *options);
/* It must outlive the servers that have its protocol. Exchanges that are held stay valid. */
void lc_http_service_free(lc_http_service *service);
const lc_protocol *lc_http_service_protocol(const lc_http_service *service);
/* Requests at work, and those whose work has ended. */
uint32_t lc_http_service_in_flight(const lc_http_service *service);
uint64_t lc_http_service_served(const lc_http_service *service);
/* Replies that have begun with a status of 500 or more, those of the library too. */
uint64_t lc_http_service_failed(const lc_http_service *service);

/* --------------------------------------------------------------- requests -- */

/* The request that LC_UNIT announced; NULL when there is none. It is valid until its unit has
 * ended, and while it is held. */
lc_http_exchange *lc_http_exchange_of(const lc_conn *conn);
uint64_t lc_http_exchange_id(const lc_http_exchange *x); /* never reused by its service */
void lc_http_hold(lc_http_exchange *x);
void lc_http_release(lc_http_exchange *x);
/* The embedder's work has ended, also where the connection had ended before: options.replied is
 * called, unless it was. */
void lc_http_note_replied(lc_http_exchange *x, const lc_conn *conn);
/* The head; `*bytes` is what its spans refer to. */
const lc_http_head *lc_http_request(const lc_http_exchange *x, const char **bytes);
/* The bytes of the head; none when it was refused. */
void lc_http_head_bytes(const lc_http_exchange *x, lc_slice *bytes);
/* When the head was whole; of a refused one: when its first byte was looked at. */
lc_time lc_http_began(const lc_http_exchange *x);

/* Where the request comes from: the peer, or, if the peer is trusted, the address that it names.
 * The port of a named client is 0 where the peer does not tell it. */
void lc_http_client(const lc_http_exchange *x, const lc_conn *conn, lc_address *client);
/* "http" or "https": how the client has sent it. Static storage. */
const char *lc_http_scheme(const lc_http_exchange *x, const lc_conn *conn);

/* The next piece of the body, 1 to `max` bytes, valid until the next call on any connection of the
 * loop. Returns 0; LC_EOF at the end; LC_AGAIN: lc_conn_wait until lc_http_body_deadline, and call
 * again; LC_TOO_LONG; LC_HTTP_BAD; LC_CLOSED when the client has gone before the end; or the code
 * of a failure. The first call sends "100 Continue" to a client that waits for it. */
int lc_http_body_read(lc_http_exchange *x, lc_conn *conn, size_t max, lc_slice *piece);
/* What the embedder has found wrong with the body: LC_TIMEOUT, when that deadline has passed;
 * LC_TOO_LONG; LC_CANCELED; LC_HTTP_BAD. When the work for a request ends without a reply, the
 * library answers 408, 413, 503 or 400 for these, and 500 when its body has not failed. */
void lc_http_body_failed(lc_http_exchange *x, int code);
/* The request is canceled, and its work says nothing more: without a reply, the answer is 503. */
void lc_http_give_up(lc_http_exchange *x);
/* Whether the body has failed: lc_http_body_read has returned such a code, or the embedder has said
 * so. */
int lc_http_has_body_failed(const lc_http_exchange *x);
lc_time lc_http_body_deadline(const lc_http_exchange *x, const lc_conn *conn);
/* The fields behind a chunked body that has been read; NULL when there are none. */
const lc_http_head *lc_http_trailers(const lc_http_exchange *x, const char **bytes);

/* ---------------------------------------------------------------- replies -- */

typedef struct lc_http_reply {
  int status;         /* 200 to 599 */
  const char *reason; /* NULL: the usual words */
  size_t reason_length;
  /* Whole lines, made by lc_http_write_field. Connection, Content-Length, Transfer-Encoding and
   * Keep-Alive are the library's. */
  const char *fields;
  size_t fields_length;
  int64_t length;        /* of the body, in bytes; -1: not known yet */
  unsigned is_plain : 1; /* "Content-Type: text/plain; charset=utf-8" is added */
  unsigned has_date : 1; /* among the fields: none is added */
  unsigned closes : 1;   /* the connection is to end with this reply */
} lc_http_reply;

/* Begins the reply. Nothing is sent before the first lc_http_write or lc_http_end. Returns 0,
 * -EINVAL for a status or a reason that must not be sent, -EALREADY, or -ENOMEM. */
int lc_http_begin(lc_http_exchange *x, lc_conn *conn, const lc_http_reply *reply);
/* Sends 103 or another interim reply. -EALREADY once the reply has begun. A client of version 1.0
 * gets none. LC_AGAIN as lc_http_end. */
int lc_http_inform(lc_http_exchange *x, lc_conn *conn, int status, const char *fields,
                   size_t fields_length);
/* A piece of the body: as lc_conn_write, with at most 32 pieces. -EMSGSIZE: more than `length` was
 * to come; nothing is written. A reply without a body takes the bytes and sends none. */
ssize_t lc_http_write(lc_http_exchange *x, lc_conn *conn, const struct iovec *pieces, int count);
/* A piece of a file as a piece of a body whose `length` was given: as lc_conn_write_file. */
ssize_t lc_http_write_file(lc_http_exchange *x, lc_conn *conn, int file, uint64_t offset,
                           uint64_t length);
/* The body is over. Returns 0; LC_AGAIN: call again at LC_WRITABLE, as after lc_conn_write;
 * -EMSGSIZE: less than `length` has come; or a code. `trailers`: whole lines, sent behind a chunked
 * body, or NULL. */
int lc_http_end(lc_http_exchange *x, lc_conn *conn, const char *trailers, size_t length);
/* Whether the head of the reply has begun; whether all of it has been written. */
int lc_http_has_begun(const lc_http_exchange *x);
int lc_http_has_ended(const lc_http_exchange *x);
/* The status of the reply, 0 before it has begun; the bytes of its body that were accepted. */
int lc_http_status(const lc_http_exchange *x);
uint64_t lc_http_sent(const lc_http_exchange *x);
/* How many bytes the body may still have. UINT64_MAX: as many as the embedder wants. */
uint64_t lc_http_room(const lc_http_exchange *x);
/* Whether lc_http_upgrade has answered: the bytes are the embedder's from then on. */
int lc_http_is_upgraded(const lc_http_exchange *x);
/* Whether a reply of that status has a body: not to HEAD, and none of 204 and 304 has one. */
int lc_http_sends_body(const lc_http_exchange *x, int status);
/* A short reply in plain text, whole at once: 0, LC_AGAIN as lc_http_end, or a code. */
int lc_http_answer(lc_http_exchange *x, lc_conn *conn, int status, const char *fields,
                   size_t fields_length);
/* Answers 101 to a request that wants to upgrade, with these fields. Then its unit has ended, and
 * the exchange is valid while it is held only. The library leaves reading to the embedder: what
 * lies behind the head is in lc_conn_buffered. Returns 0, LC_AGAIN as lc_http_end, -EINVAL when the
 * request has no upgrade or its body has not been read, or another code. LC_DRAINING, from
 * LC_STEP_STOP on: the library has answered 503, and the connection ends. */
int lc_http_upgrade(lc_http_exchange *x, lc_conn *conn, const char *fields, size_t length);

#ifdef __cplusplus
}
#endif

#endif
