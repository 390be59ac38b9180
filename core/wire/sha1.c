/* sha1.c - SHA-1 of a short text. */
#include "wire/sha1.h"

#include <string.h>

enum { BLOCK = 64, ROUNDS = 80 };

static uint32_t turn(uint32_t word, unsigned by) { return word << by | word >> (32 - by); }

static void schedule(uint32_t words[ROUNDS], const uint8_t *block)
{
  for (int i = 0; i < 16; i++)
    words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < ROUNDS; i++)
    words[i] = turn(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
}

/* The function and the constant of a round. */
static uint32_t mix(int round, const uint32_t s[5])
{
  if (round < 20) return (s[3] ^ (s[1] & (s[2] ^ s[3]))) + 0x5a827999;
  if (round < 40) return (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1;
  if (round < 60) return ((s[1] & s[2]) | (s[3] & (s[1] | s[2]))) + 0x8f1bbcdc;
  return (s[1] ^ s[2] ^ s[3]) + 0xca62c1d6;
}

static void compress(uint32_t state[5], const uint8_t *block)
{
  uint32_t words[ROUNDS], s[5];
  schedule(words, block);
  memcpy(s, state, sizeof s);
  for (int i = 0; i < ROUNDS; i++) {
    uint32_t next = turn(s[0], 5) + mix(i, s) + s[4] + words[i];
    s[4] = s[3];
    s[3] = s[2];
    s[2] = turn(s[1], 30);
    s[1] = s[0];
    s[0] = next;
  }
  for (int i = 0; i < 5; i++) state[i] += s[i];
}

void lc_sha1(uint8_t digest[LC_SHA1_SIZE], const char *data, size_t length)
{
  uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint8_t blocks[2 * BLOCK] = {0};
  size_t size = length < BLOCK - 8 ? BLOCK : 2 * BLOCK;
  memcpy(blocks, data, length);
  blocks[length] = 0x80;
  for (size_t i = 0; i < 4; i++) blocks[size - 1 - i] = (uint8_t)((uint32_t)length * 8 >> 8 * i);
  for (size_t i = 0; i < size; i += BLOCK) compress(state, blocks + i);
  for (size_t i = 0; i < LC_SHA1_SIZE; i++)
    digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
