/* address.c - addresses as people write them, taken apart, put together and packed. */
#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "base/digits.h"

#define UNIX_PREFIX "unix:"
#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* ---------------------------------------------------------------- parsing -- */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Reads decimal digits, up to the value `most`. Returns -1 when there are none, other characters,
 * or a larger value. */
static int64_t parse_number(const char *text, size_t length, int64_t most)
{
  int64_t number = 0;
  if (length == 0) return -1;
  for (size_t i = 0; i < length; i++) {
    if (!is_digit(text[i])) return -1;
    number = number * 10 + (text[i] - '0');
    if (number > most) return -1;
  }
  return number;
}

/* Returns what is wrong with the port, or NULL. */
static const char *parse_port(const char *text, size_t length, uint16_t *port)
{
  int64_t number = parse_number(text, length, UINT16_MAX);
  if (number >= 0) {
    *port = (uint16_t)number;
    return NULL;
  }
  if (length == 0) return "nothing follows the last colon: put a port there, as in \"host:80\"";
  for (size_t i = 0; i < length; i++) {
    if (!is_digit(text[i]))
      return "the port is not a number: write it in digits, as in \"host:80\", with nothing after "
             "it";
  }
  return "the port is out of range: ports go from 0 to 65535 (0 lets the system choose)";
}

static const char *parse_path(const char *text, size_t length, lc_endpoint *endpoint)
{
  int is_abstract = length > 0 && text[0] == '@';
  /* The name of a file ends with a zero byte, an abstract one with its length. */
  size_t most = sizeof endpoint->path - (is_abstract ? 0 : 1);
  if (length <= (size_t)is_abstract)
    return "the path is empty: write \"unix:/path\", or \"unix:@name\" for an abstract name";
  if (length > most)
    return "the path is too long: the system allows 107 bytes, so use a shorter directory";
  endpoint->is_unix = 1;
  memcpy(endpoint->path, text, length);
  if (is_abstract) endpoint->path[0] = 0;
  endpoint->path_length = length;
  return NULL;
}

/* inet_pton, but a failed call leaves `address` unchanged: musl writes the part that it could
 * read. */
static int parse_numeric(int family, const char *text, void *address, size_t size)
{
  struct in6_addr read;
  if (inet_pton(family, text, &read) != 1) return 0;
  memcpy(address, &read, size);
  return 1;
}

/* Reads an IPv6 address with or without a zone ("fe80::1%eth0"). Returns where the zone begins,
 * `length` when there is none, or 0 when the text is no IPv6 address. */
static size_t split_zone(const char *text, size_t length, struct in6_addr *address)
{
  char plain[INET6_ADDRSTRLEN];
  const char *percent = memchr(text, '%', length);
  size_t end = percent ? (size_t)(percent - text) : length;
  if (end >= sizeof plain || (percent && end + 1 == length)) return 0;
  memcpy(plain, text, end);
  plain[end] = 0;
  return parse_numeric(AF_INET6, plain, address, sizeof *address) ? end : 0;
}

static const char *parse_bracketed(const char *text, size_t length, lc_endpoint *endpoint)
{
  const char *end = memchr(text, ']', length);
  struct in6_addr unused;
  if (!end) return "the bracket is not closed: write \"[::1]:80\"";
  size_t size = (size_t)(end - text) - 1;
  if (size > LC_HOST_MAX || split_zone(text + 1, size, &unused) == 0)
    return "what is in brackets is not an IPv6 address: brackets are for those alone, as in "
           "\"[::1]:80\"";
  if (size + 2 == length || end[1] != ':')
    return "no port follows the bracket: add one, as in \"[::1]:80\"";
  memcpy(endpoint->host, text + 1, size);
  return parse_port(end + 2, length - size - 3, &endpoint->port);
}

static const char *check_host(const char *text, size_t length)
{
  if (length > LC_HOST_MAX) return "the host name is too long: the longest has 255 bytes";
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c <= ' ' || c == 127) return "there is a space or a control character in it: leave it out";
    if (c == '/') return "it looks like a path: write \"unix:\" in front of it";
    if (c == '[' || c == ']') return "brackets go around the whole host, as in \"[::1]:80\"";
    if (c == '*' && length > 1) return "a star stands alone, for every interface, as in \"*:80\"";
  }
  return NULL;
}

static const char *parse_host(const char *text, size_t length, lc_endpoint *endpoint)
{
  const char *colon = memchr(text, ':', length);
  const char *problem;
  if (memmem(text, length, "://", 3))
    return "it looks like a URL: write the host and the port alone, as in \"host:80\"";
  if (!colon) {
    problem = check_host(text, length);
    return problem ? problem : "it has no port: write \"host:80\", or \":80\" for every interface";
  }
  size_t size = (size_t)(colon - text);
  if (memchr(colon + 1, ':', length - size - 1))
    return "it has several colons: put an IPv6 address in brackets, as in \"[::1]:80\"";
  problem = check_host(text, size);
  if (problem) return problem;
  if (size != 1 || *text != '*') memcpy(endpoint->host, text, size);
  return parse_port(colon + 1, length - size - 1, &endpoint->port);
}

int lc_endpoint_parse(const char *text, size_t length, lc_endpoint *endpoint, const char **problem)
{
  size_t prefix = sizeof UNIX_PREFIX - 1;
  const char *wrong;
  memset(endpoint, 0, sizeof *endpoint);
  if (length == 0) {
    wrong = "it is empty: write \"host:80\", \":80\" or \"unix:/path\"";
  } else if (memchr(text, 0, length)) {
    wrong = "there is a zero byte in it: leave it out (an abstract name is \"unix:@name\")";
  } else if (length >= prefix && memcmp(text, UNIX_PREFIX, prefix) == 0) {
    wrong = parse_path(text + prefix, length - prefix, endpoint);
  } else if (text[0] == '[') {
    wrong = parse_bracketed(text, length, endpoint);
  } else {
    wrong = parse_host(text, length, endpoint);
  }
  *problem = wrong;
  return wrong ? -EINVAL : 0;
}

/* ------------------------------------------------------------ to addresses -- */

static void path_address(const lc_endpoint *endpoint, lc_address *address)
{
  int is_file = endpoint->path[0] != 0;
  address->of.un.sun_family = AF_UNIX;
  memcpy(address->of.un.sun_path, endpoint->path, endpoint->path_length);
  address->length = (socklen_t)(PATH_OFFSET + endpoint->path_length + (size_t)is_file);
}

/* A numeric zone is taken as it is. A zone that names an interface has to be looked up: the
 * resolver does that, too. */
static int in6_address(const lc_endpoint *endpoint, lc_address *address)
{
  const char *host = endpoint->host;
  size_t length = strlen(host);
  struct sockaddr_in6 *in6 = &address->of.in6;
  struct in6_addr numeric;
  int64_t zone = 0;
  size_t end = split_zone(host, length, &numeric);
  if (end == 0) return -EINVAL;
  if (end < length) zone = parse_number(host + end + 1, length - end - 1, UINT32_MAX);
  if (zone < 0) return -EINVAL;
  in6->sin6_family = AF_INET6;
  in6->sin6_addr = numeric;
  in6->sin6_port = htons(endpoint->port);
  in6->sin6_scope_id = (uint32_t)zone;
  address->length = sizeof *in6;
  return 0;
}

int lc_endpoint_address(const lc_endpoint *endpoint, lc_address *address)
{
  struct sockaddr_in *in = &address->of.in;
  memset(address, 0, sizeof *address);
  if (endpoint->is_unix) {
    path_address(endpoint, address);
    return 0;
  }
  if (endpoint->host[0] == 0) {
    address->of.in6.sin6_family = AF_INET6; /* the rest, all zero, is the wildcard */
    address->of.in6.sin6_port = htons(endpoint->port);
    address->length = sizeof address->of.in6;
    return 0;
  }
  if (parse_numeric(AF_INET, endpoint->host, &in->sin_addr, sizeof in->sin_addr)) {
    in->sin_family = AF_INET;
    in->sin_port = htons(endpoint->port);
    address->length = sizeof *in;
    return 0;
  }
  return in6_address(endpoint, address);
}

/* ----------------------------------------------------------------- to text -- */

/* Appends `more` to `text`. Returns the new end. */
static char *append(char *text, const char *more)
{
  size_t length = strlen(more);
  memcpy(text, more, length + 1);
  return text + length;
}

static char *append_number(char *text, uint32_t number)
{
  text = lc_digits_append(text, number);
  *text = 0;
  return text;
}

/* Writes "@name" for an abstract name, "" for none. A zero byte within a name is shown as "@". */
static void path_text(const lc_address *address, char *text)
{
  const char *path = address->of.un.sun_path;
  size_t room = address->length > PATH_OFFSET ? address->length - PATH_OFFSET : 0;
  if (room > sizeof address->of.un.sun_path) room = sizeof address->of.un.sun_path;
  size_t length = room > 0 && path[0] != 0 ? strnlen(path, room) : room;
  for (size_t i = 0; i < length; i++) text[i] = path[i] != 0 ? path[i] : '@';
  text[length] = 0;
}

/* Writes four bytes in network order. Not with inet_ntop, which uses sprintf and is slow: the log
 * has the address of the peer at each end of a connection. */
static void in4_text(const void *bytes, char *text)
{
  const uint8_t *byte = bytes;
  for (int i = 0; i < 4; i++) {
    if (i > 0) *text++ = '.';
    text = append_number(text, byte[i]);
  }
}

static void in6_text(const struct sockaddr_in6 *in6, char *text)
{
  inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN);
  if (in6->sin6_scope_id != 0) append_number(append(text + strlen(text), "%"), in6->sin6_scope_id);
}

const char *lc_address_parts(const lc_address *address, char *host, uint16_t *port)
{
  const struct sockaddr_in6 *in6 = &address->of.in6;
  int family = address->length >= sizeof(sa_family_t) ? address->of.any.sa_family : AF_UNSPEC;
  host[0] = 0;
  *port = 0;
  switch (family) {
    case AF_UNIX: path_text(address, host); return "unix";
    case AF_INET:
      in4_text(&address->of.in.sin_addr, host);
      *port = ntohs(address->of.in.sin_port);
      return "inet";
    case AF_INET6:
      *port = ntohs(in6->sin6_port);
      if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        in6_text(in6, host);
        return "inet6";
      }
      in4_text(&in6->sin6_addr.s6_addr[12], host);
      return "inet";
    case LC_FAMILY_PIPE: return "pipe";
    case LC_FAMILY_TERMINAL: return "terminal";
    case LC_FAMILY_DEVICE: return "device";
    default: return "unknown";
  }
}

char *lc_address_format(const lc_address *address, char *text, size_t size)
{
  char host[LC_HOST_MAX + 1];
  uint16_t port;
  const char *family = lc_address_parts(address, host, &port);
  assert(size >= LC_ADDRESS_TEXT_MAX);
  (void)size;
  if (strcmp(family, "inet") == 0) {
    append_number(append(append(text, host), ":"), port);
  } else if (strcmp(family, "inet6") == 0) {
    append_number(append(append(append(text, "["), host), "]:"), port);
  } else if (strcmp(family, "unix") == 0) {
    append(append(text, UNIX_PREFIX), host);
  } else {
    append(text, family);
  }
  return text;
}

/* ----------------------------------------------------------------- packing -- */

int lc_address_is_path(const lc_address *address)
{
  return address->of.any.sa_family == AF_UNIX && address->length > PATH_OFFSET &&
         address->of.un.sun_path[0];
}

void lc_peer_pack(lc_peer *peer, const lc_address *address)
{
  memset(peer, 0, sizeof *peer);
  if (address->length < sizeof(sa_family_t)) return;
  peer->family = address->of.any.sa_family;
  if (peer->family == AF_INET) {
    peer->port = address->of.in.sin_port;
    memcpy(peer->host, &address->of.in.sin_addr, sizeof address->of.in.sin_addr);
  } else if (peer->family == AF_INET6) {
    peer->port = address->of.in6.sin6_port;
    peer->scope = address->of.in6.sin6_scope_id;
    memcpy(peer->host, &address->of.in6.sin6_addr, sizeof address->of.in6.sin6_addr);
  }
}

void lc_peer_unpack(const lc_peer *peer, lc_address *address)
{
  memset(address, 0, sizeof *address);
  address->of.any.sa_family = peer->family;
  address->length = sizeof(sa_family_t);
  if (peer->family == AF_INET) {
    address->of.in.sin_port = peer->port;
    memcpy(&address->of.in.sin_addr, peer->host, sizeof address->of.in.sin_addr);
    address->length = sizeof address->of.in;
  } else if (peer->family == AF_INET6) {
    address->of.in6.sin6_port = peer->port;
    address->of.in6.sin6_scope_id = peer->scope;
    memcpy(&address->of.in6.sin6_addr, peer->host, sizeof address->of.in6.sin6_addr);
    address->length = sizeof address->of.in6;
  }
}
