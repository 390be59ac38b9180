/* http_world.h - a world whose server speaks HTTP: its set-up, and what a client hears.
 *
 * A test changes `http.options`, calls http_serve, and talks to the server as a peer.
 */
#ifndef HTTP_WORLD_H
#define HTTP_WORLD_H

#include "world.h"

typedef struct http_world {
  lc_http_service *service;
  lc_http_options options; /* the ready path is "/ready" */
} http_world;

/* Of the test under way. */
extern http_world http;

void http_begin(void);     /* the options are the usual ones */
void http_serve(world *w); /* makes the service, and serves */
/* For tests with a world of their own: world_set_up, and http_begin; the reverse. */
int http_set_up(void **state);
int http_tear_down(void **state);

/* The whole reply of a unit: 200 and this text. */
void http_reply(seen *one, const char *text);
/* Turns until the peer has these bytes and no others, lines of dates left out. */
void http_expect(world *w, int peer, const char *wanted);

#define HTTP_GET(path) "GET " path " HTTP/1.1\r\nHost: here\r\n\r\n"
#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HTTP_LAST "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
#define HTTP_PLAIN "Content-Type: text/plain; charset=utf-8\r\n"
/* What the library answers by itself, and ends the connection. */
#define HTTP_REFUSED(status, fields, length, words)                     \
  "HTTP/1.1 " status "\r\n" HTTP_PLAIN fields "Content-Length: " length \
  "\r\nConnection: close\r"                                             \
  "\n\r\n" words "\n"
#define HTTP_LATER \
  HTTP_REFUSED("503 Service Unavailable", "Retry-After: 1\r\n", "20", "Service Unavailable")

#endif
