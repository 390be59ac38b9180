/* heads.c - reads the head of a request again and again: heads EXAMPLE [COUNT] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lastcall.h"

static const struct {
  const char *name, *text;
} EXAMPLES[] = {
  {"short", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"},
  {"typical",
   "GET /api/items/4711?page=2&size=50 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: "
   "curl/7.88.1\r\n"
   "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
   "Authorization: Bearer 0123456789abcdef\r\n\r\n"},
  {"browser",
   "GET /pictures/2024/03/a-lighthouse-at-night.jpg HTTP/1.1\r\nHost: pictures.example.org\r\n"
   "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
   "Chrome/110.0 "
   "Safari/537.36\r\n"
   "Accept: "
   "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
   "Accept-Language: en-us,en;q=0.7\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: "
   "keep-alive\r\n"
   "Cookie: visits=2; theme=dark; session=0123456789abcdef0123456789abcdef; "
   "seen=0123456789\r\n\r\n"},
};
enum { EXAMPLE_COUNT = sizeof EXAMPLES / sizeof *EXAMPLES };

static double now(void)
{
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static int read_again(const char *name, const char *text, long count)
{
  lc_http_field fields[LC_HTTP_MAX_FIELDS];
  lc_http_head head = {0};
  size_t length = strlen(text);
  double began = now();
  for (long i = 0; i < count; i++) {
    lc_http_head_init(&head, LC_HTTP_REQUEST, fields, LC_HTTP_MAX_FIELDS);
    if (lc_http_head_read(&head, text, length) != (ssize_t)length) return 1;
  }
  printf("%-8s %4zu bytes, %u fields: %5.0f ns", name, length, head.count,
         (now() - began) / (double)count);
  return 0;
}

int main(int argc, char **argv)
{
  for (int i = 0; argc > 1 && i < EXAMPLE_COUNT; i++)
    if (!strcmp(argv[1], EXAMPLES[i].name))
      return read_again(EXAMPLES[i].name, EXAMPLES[i].text, argc > 2 ? atol(argv[2]) : 1000000);
  fputs("usage: heads short|typical|browser [COUNT]\n", stderr);
  return 2;
}
