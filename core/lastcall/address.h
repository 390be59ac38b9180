/* lastcall/address.h - socket addresses, and addresses as people write them. */
#ifndef LASTCALL_ADDRESS_H
#define LASTCALL_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_address {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } of;
  socklen_t length;
} lc_address;

#define LC_HOST_MAX 255         /* bytes of a host name, as DNS allows */
#define LC_ADDRESS_TEXT_MAX 320 /* enough for lc_address_format's longest result */

/* The parts of a written address. A host name in it is not looked up. */
typedef struct lc_endpoint {
  int is_unix;                /* 1: only `path` counts */
  char host[LC_HOST_MAX + 1]; /* "" for every interface */
  uint16_t port;
  char path[108]; /* the first byte is 0 for an abstract name */
  size_t path_length;
} lc_endpoint;

/* Understands "host:port", "[v6]:port", ":port" and "*:port" (every interface, dual stack),
 * "unix:/path", "unix:@name" (abstract). A port is 0 to 65535, in digits. Returns 0, or -EINVAL
 * with `*problem` saying what is wrong and what would be right. */
int lc_endpoint_parse(const char *text, size_t length, lc_endpoint *endpoint, const char **problem);

/* Makes an address without a look-up. Returns 0 when the endpoint is a path, a numeric address or
 * every interface; -EINVAL when it is a host name, which lc_resolve looks up. An empty host gives
 * the IPv6 wildcard. */
int lc_endpoint_address(const lc_endpoint *endpoint, lc_address *address);

/* As the family of the peer of a connection that is no socket. */
#define LC_FAMILY_PIPE 0x7f00
#define LC_FAMILY_TERMINAL 0x7f01
#define LC_FAMILY_DEVICE 0x7f02

/* Writes "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:@name", "unix:" for an unnamed socket,
 * or "pipe", "terminal" or "device".
 * An IPv4 address mapped into IPv6 is shown as IPv4. `size` is at least LC_ADDRESS_TEXT_MAX.
 * Returns `text`. */
char *lc_address_format(const lc_address *address, char *text, size_t size);
/* Gives the host (or path) without brackets, and the port (0 for unix). Returns "inet", "inet6",
 * "unix", "pipe", "terminal" or "device". `host` has room for LC_HOST_MAX + 1 bytes. */
const char *lc_address_parts(const lc_address *address, char *host, uint16_t *port);

/* A set of addresses: "10.0.0.0/8", "fd00::/8", a single address, or "unix:" for all unix-domain
 * sockets. */
typedef struct lc_network {
  uint8_t host[16]; /* as IPv6: an IPv4 address is mapped */
  uint8_t bits;     /* how many of them count */
  uint8_t is_unix;
} lc_network;
/* Returns 0 or -EINVAL, also when bits are set behind those that count. */
int lc_network_parse(const char *text, size_t length, lc_network *network);
int lc_network_has(const lc_network *network, const lc_address *address);

#ifdef __cplusplus
}
#endif

#endif
