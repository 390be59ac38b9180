/* http_words.c - words in the head of a request, all of one size. */
#include "http_words.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = WORDS_SIZE }; /* a slash, and the words without their line end */

static void replace(char *text, char from, char to)
{
  for (int i = 0; i < WORDS_SIZE - 1; i++)
    if (text[i] == from) text[i] = to;
}

void http_words_write(char text[HTTP_WORDS_SIZE], const words *said)
{
  char line[WORDS_SIZE], whole[HTTP_WORDS_SIZE + WORDS_SIZE];
  words_write(line, said);
  replace(line, ' ', '-');
  snprintf(whole, sizeof whole, "POST /%.*s HTTP/1.1\r\nHost: sim\r\nContent-Length: %08u\r\n\r\n",
           WORDS_SIZE - 1, line, (unsigned)said->body);
  memcpy(text, whole, HTTP_WORDS_SIZE);
}

words http_words_read(const lc_http_exchange *x)
{
  const char *bytes;
  const lc_http_head *head = lc_http_request(x, &bytes);
  char line[WORDS_SIZE];
  if (head->path.length != PATH_SIZE) return (words){.kind = 0};
  memcpy(line, bytes + head->path.at + 1, WORDS_SIZE - 1);
  replace(line, '-', ' ');
  line[WORDS_SIZE - 1] = '\n';
  return words_read(line);
}
