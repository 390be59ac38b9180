/* address.h - where a server under test listens, and where its clients come from. */
#ifndef CLIENTS_ADDRESS_H
#define CLIENTS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct address {
  struct sockaddr_storage name;
  socklen_t length;
  bool many_sources; /* 127.0.0.0/8, where any neighbour address may be connected from */
};

/* Reads "host:port", ":port", "[v6]:port" or "unix:/path". On failure returns
 * false and points `why` to a text that stays valid. */
bool address_parse(const char *text, struct address *address, const char **why);

/* Binds `fd` to the source numbered `index`, 127.0.0.2 onwards, without taking a
 * port yet: one source has only some 28,000 of them, and a storm uses one per
 * client for as long as TIME_WAIT lasts. */
int address_bind_source(int fd, unsigned index);

/* The port that `fd` came from; 0 when it has none. */
unsigned address_local_port(int fd);

#endif
