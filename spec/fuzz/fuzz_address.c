/* fuzz_address.c - addresses out of any text, and texts out of any address.
 *
 * As text: it is refused with a reason, or what it means, written out and read
 * again, means the same. As the bytes of a socket address, which the kernel may
 * have cut short: it is written within its bounds, and packing loses nothing.
 */
#include <string.h>

#include "base/address.h"
#include "fuzz.h"

static int means_the_same(const lc_address *a, const lc_address *b)
{
  return a->length == b->length && !memcmp(&a->of, &b->of, a->length);
}

/* What is written is within bounds, and written alike when it is read again. */
static void check_text(const lc_address *address)
{
  char text[LC_ADDRESS_TEXT_MAX], again[LC_ADDRESS_TEXT_MAX];
  const char *problem;
  lc_endpoint endpoint;
  lc_address back;

  memset(text, 'x', sizeof text);
  lc_address_format(address, text, sizeof text);
  size_t length = strnlen(text, sizeof text);
  MUST(length < sizeof text);
  if (lc_endpoint_parse(text, length, &endpoint, &problem) < 0) {
    MUST(problem);
    MUST(!strcmp(text, "unix:") || !strcmp(text, "unix:@") || !strcmp(text, "unknown") ||
         address->of.any.sa_family == AF_UNIX); /* unnamed, or of the longest kind */
    return;
  }
  MUST(lc_endpoint_address(&endpoint, &back) == 0); /* what is written is numeric */
  MUST(!strcmp(lc_address_format(&back, again, sizeof again), text));
}

static void check_packing(const lc_address *address)
{
  lc_peer packed;
  lc_address back;
  char before[LC_ADDRESS_TEXT_MAX], after[LC_ADDRESS_TEXT_MAX];

  lc_peer_pack(&packed, address);
  lc_peer_unpack(&packed, &back);
  if (back.of.any.sa_family == AF_UNIX) return; /* the path is not kept */
  lc_address_format(address, before, sizeof before);
  MUST(!strcmp(lc_address_format(&back, after, sizeof after), before));
}

static void try_text(const char *text, size_t length)
{
  const char *problem = "not set";
  lc_endpoint endpoint;
  lc_address address, again;
  int result = lc_endpoint_parse(text, length, &endpoint, &problem);

  MUST(result == 0 || result == -EINVAL);
  MUST((result == 0) == (problem == NULL));
  if (result < 0) return;
  if (endpoint.is_unix)
    MUST(endpoint.path_length > 0 && endpoint.path_length <= sizeof endpoint.path);
  else MUST(strnlen(endpoint.host, sizeof endpoint.host) <= LC_HOST_MAX);
  result = lc_endpoint_address(&endpoint, &address);
  MUST(result == 0 || (result == -EINVAL && !endpoint.is_unix && endpoint.host[0]));
  if (result < 0) return;
  MUST(lc_endpoint_address(&endpoint, &again) == 0 && means_the_same(&address, &again));
  check_text(&address);
  check_packing(&address);
}

/* As the kernel hands addresses out: a family, and as many bytes as it cares to give. */
static void try_address(const uint8_t *data, size_t size)
{
  static const sa_family_t families[] = {AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
  lc_address address;

  memset(&address, 0, sizeof address);
  if (size > sizeof address.of) size = sizeof address.of;
  memcpy(&address.of, data, size);
  if (size >= sizeof(sa_family_t)) {
    address.of.any.sa_family = families[data[0] % (sizeof families / sizeof *families)];
    /* The kernel never cuts these short. */
    if (address.of.any.sa_family == AF_INET) size = sizeof address.of.in;
    if (address.of.any.sa_family == AF_INET6) size = sizeof address.of.in6;
  }
  address.length = (socklen_t)size;
  check_text(&address);
  check_packing(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!size) return 0;
  if (data[0] == 'B') try_address(data + 1, size - 1);
  else try_text((const char *)data, size);
  return 0;
}
