/* address.c - where a server under test listens, and where its clients come from. */
#include "address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#define LOOPBACK_NET 127u

static bool parse_unix(const char *path, struct address *address, const char **why)
{
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof name.sun_path) {
    *why = "a unix path must have 1 to 107 bytes";
    return false;
  }
  memcpy(name.sun_path, path, length + 1);
  memcpy(&address->name, &name, sizeof name);
  address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
  return true;
}

/* Splits at the last colon, and takes the brackets off an IPv6 host. */
static bool split(const char *text, char *host, size_t room, const char **port)
{
  const char *colon = strrchr(text, ':');
  if (!colon) return false;
  size_t length = (size_t)(colon - text);
  if (length >= 2 && text[0] == '[' && colon[-1] == ']') {
    text++;
    length -= 2;
  }
  if (length >= room) return false;
  memcpy(host, text, length);
  host[length] = '\0';
  *port = colon + 1;
  return true;
}

bool address_parse(const char *text, struct address *address, const char **why)
{
  memset(address, 0, sizeof *address);
  if (strncmp(text, "unix:", 5) == 0) return parse_unix(text + 5, address, why);

  char host[256];
  const char *port;
  if (!split(text, host, sizeof host, &port)) {
    *why = "expected host:port, [v6]:port or unix:/path";
    return false;
  }
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *found;
  int failed = getaddrinfo(host[0] ? host : "127.0.0.1", port, &hints, &found);
  if (failed) {
    *why = gai_strerror(failed);
    return false;
  }
  memcpy(&address->name, found->ai_addr, found->ai_addrlen);
  address->length = found->ai_addrlen;
  if (found->ai_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, found->ai_addr, sizeof v4);
    address->many_sources = ntohl(v4.sin_addr.s_addr) >> 24 == LOOPBACK_NET;
  }
  freeaddrinfo(found);
  return true;
}

int address_bind_source(int fd, unsigned index)
{
  int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in source = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = htonl((LOOPBACK_NET << 24) + 2u + index % 250u),
  };
  return bind(fd, (const struct sockaddr *)&source, sizeof source);
}

unsigned address_local_port(int fd)
{
  struct sockaddr_storage name = {0};
  socklen_t length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) < 0) return 0;
  if (name.ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)&name)->sin_port);
  if (name.ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)&name)->sin6_port);
  return 0;
}
