/* odd_peer.h - the other end of the odd transport, on a plain socket: it reads whatever comes, at
 * once.
 *
 * It is pumped by the test while that turns the loop. What is said and heard is kept whole.
 */
#ifndef ODD_PEER_H
#define ODD_PEER_H

#include "odd_transport.h"

enum { ODD_PEER_ROOM = 3 << 20 };

typedef struct odd_peer {
  int fd;
  int is_server; /* it has been connected to */
  unsigned word; /* of the handshake; ODD_WORDS: it is over */
  size_t spelled;
  const char *at_once; /* what it says right behind its part of the handshake */
  int is_slow;         /* it receives a little at a time */
  int is_deaf;         /* it receives nothing */
  int is_mute;         /* it answers no calls */
  int keeps_last;      /* it has no last word in return */
  unsigned called;     /* how often it was called, and has answered or not */
  unsigned answers;
  int heard_last;
  int heard_end; /* the FIN */
  int error;     /* an errno: it was reset */
  unsigned char out_key, in_key;
  size_t frame_left;
  unsigned turn;
  size_t out_start, out_end;
  size_t heard_length;
  unsigned char out[ODD_PEER_ROOM]; /* encoded */
  unsigned char heard[ODD_PEER_ROOM];
} odd_peer;

odd_peer *odd_peer_new(int fd, int is_server);
void odd_peer_begin(odd_peer *peer, int fd, int is_server); /* on memory of the caller's */
void odd_peer_free(odd_peer *peer);                         /* and its descriptor */
void odd_peer_pump(odd_peer *peer);
void odd_peer_go_deaf(odd_peer *peer); /* its host buffers little as well */
void odd_peer_say(odd_peer *peer, const void *bytes, size_t count);
void odd_peer_sign(odd_peer *peer, unsigned char sign);
void odd_peer_raw(odd_peer *peer, const void *bytes, size_t count); /* as it is */
int odd_peer_is_open(const odd_peer *peer);                         /* its handshake is over */
int odd_peer_heard(const odd_peer *peer, const char *text);         /* exactly this */

#endif
