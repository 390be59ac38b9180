/* network.c - sets of addresses, as an operator writes them: "10.0.0.0/8", "::1", "unix:". */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lastcall.h"

enum {
  MAPPED = 12,
  ALL = 128
}; /* bytes before an IPv4 address that is mapped; bits of an address */

static void map(uint8_t *host, const void *in4)
{
  memset(host, 0, MAPPED);
  host[10] = host[11] = 0xff;
  memcpy(host + MAPPED, in4, 4);
}

/* The bits that count, behind the slash. */
static int parse_bits(const char *text, size_t length, unsigned most, unsigned *bits)
{
  unsigned value = 0;
  if (!length || length > 3) return -EINVAL;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return -EINVAL;
    value = value * 10 + (unsigned)(text[i] - '0');
  }
  *bits = value;
  return value <= most ? 0 : -EINVAL;
}

static int is_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
  unsigned bytes = bits / 8, rest = bits % 8;
  if (memcmp(a, b, bytes)) return 0;
  return !rest || !((a[bytes] ^ b[bytes]) >> (8 - rest));
}

/* "10.1.0.0/8" is a mistake: it could mean 10.1.0.0/16 as well. */
static int has_bits_behind(const lc_network *network)
{
  for (unsigned i = network->bits; i < ALL; i++)
    if (network->host[i / 8] >> (7 - i % 8) & 1) return 1;
  return 0;
}

int lc_network_parse(const char *text, size_t length, lc_network *network)
{
  static const char unix_word[] = "unix:";
  char host[INET6_ADDRSTRLEN];
  struct in_addr in4;
  memset(network, 0, sizeof *network);
  network->is_unix = length == sizeof unix_word - 1 && !memcmp(text, unix_word, length);
  if (network->is_unix) return 0;
  const char *slash = memchr(text, '/', length);
  size_t size = slash ? (size_t)(slash - text) : length;
  if (size >= sizeof host) return -EINVAL;
  memcpy(host, text, size);
  host[size] = 0;
  if (strlen(host) != size) return -EINVAL;
  int is_in4 = inet_pton(AF_INET, host, &in4) == 1;
  if (is_in4) map(network->host, &in4);
  else if (inet_pton(AF_INET6, host, network->host) != 1) return -EINVAL;
  unsigned most = is_in4 ? 32 : ALL, bits = most;
  if (slash && parse_bits(slash + 1, length - size - 1, most, &bits) < 0) return -EINVAL;
  network->bits = (uint8_t)(bits + ALL - most);
  return has_bits_behind(network) ? -EINVAL : 0;
}

int lc_network_has(const lc_network *network, const lc_address *address)
{
  uint8_t host[16];
  switch (address->of.any.sa_family) {
    case AF_UNIX: return network->is_unix;
    case AF_INET: map(host, &address->of.in.sin_addr); break;
    case AF_INET6: memcpy(host, &address->of.in6.sin6_addr, sizeof host); break;
    default: return 0;
  }
  return !network->is_unix && is_equal(network->host, host, network->bits);
}
