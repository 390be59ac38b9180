/* words.c - requests, replies, and bytes that tell whose they are. */
#include "words.h"

#include <string.h>

enum { PERIOD = 251 };

static const char DIGITS[] = "0123456789abcdef";

static char pattern[PERIOD + WORDS_MOST];

static void prepare(void)
{
  if (pattern[0]) return;
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (char)(1 + i % PERIOD);
}

static void put(char *to, uint32_t value, int digits)
{
  for (int i = digits - 1; i >= 0; i--, value >>= 4) to[i] = DIGITS[value & 15];
}

/* `*bad` when there is something else than digits. */
static uint32_t get(const char *from, int digits, int *bad)
{
  uint32_t value = 0;
  for (int i = 0; i < digits; i++) {
    const char *found = memchr(DIGITS, from[i], 16);
    if (!found) *bad = 1;
    else value = value << 4 | (uint32_t)(found - DIGITS);
  }
  return value;
}

void words_write(char text[WORDS_SIZE], const words *said)
{
  memset(text, ' ', WORDS_SIZE);
  text[0] = said->kind;
  put(text + 2, said->client, 4);
  put(text + 7, said->request, 4);
  put(text + 12, said->body, 8);
  put(text + 21, said->reply, 8);
  text[WORDS_SIZE - 1] = '\n';
}

words words_read(const char text[WORDS_SIZE])
{
  int bad = text[WORDS_SIZE - 1] != '\n' || !memchr("QAN", text[0], 3);
  words said = {.kind = text[0],
                .client = get(text + 2, 4, &bad),
                .request = get(text + 7, 4, &bad),
                .body = get(text + 12, 8, &bad),
                .reply = get(text + 21, 8, &bad)};
  if (bad) said.kind = 0;
  return said;
}

const char *words_bytes(char kind, unsigned client, unsigned request, uint64_t offset)
{
  prepare();
  uint64_t from = client * 37u + request * 11u + (kind == 'A' ? 101u : 0u);
  return pattern + (from + offset) % PERIOD;
}

const char *words_noise(void) { return words_bytes('Q', 7, 7, 0); }
