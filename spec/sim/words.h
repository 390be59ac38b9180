/* words.h - what clients and handlers say to each other, so that every byte can be told from every
 * other.
 *
 *   request   "Q cccc rrrr bbbbbbbb ssssssss\n"  c: client, r: request, b: bytes of body, s: of reply
 *   reply     "A cccc rrrr ssssssss ........\n"  and s bytes
 *   note      "N cccc rrrr 00000000 ........\n"  posted beside the replies
 */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum { WORDS_SIZE = 30, WORDS_MOST = 16 * 1024 };

typedef struct words {
  char kind; /* 'Q', 'A' or 'N'; 0: not ours */
  unsigned client, request;
  uint32_t body, reply;
} words;

void words_write(char text[WORDS_SIZE], const words *said);
words words_read(const char text[WORDS_SIZE]);
/* The bytes of a body ('Q') or a reply ('A') from `offset` on, up to WORDS_MOST of them. */
const char *words_bytes(char kind, unsigned client, unsigned request, uint64_t offset);
/* A request of no meaning: what flooding clients send; readable as neither. */
const char *words_noise(void);

#endif
