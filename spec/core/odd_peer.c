/* odd_peer.c - the other end of the odd transport, on a plain socket. */
#include "odd_peer.h"

#include <stdlib.h>
#include <unistd.h>

#include "world.h"

odd_peer *odd_peer_new(int fd, int is_server)
{
  odd_peer *peer = malloc(sizeof *peer);
  assert_non_null(peer);
  odd_peer_begin(peer, fd, is_server);
  return peer;
}

void odd_peer_begin(odd_peer *peer, int fd, int is_server)
{
  memset(peer, 0, offsetof(odd_peer, out));
  peer->fd = fd;
  peer->is_server = is_server;
}

void odd_peer_free(odd_peer *peer)
{
  if (peer->fd >= 0) close(peer->fd);
  free(peer);
}

void odd_peer_raw(odd_peer *peer, const void *bytes, size_t count)
{
  assert_true(peer->out_end + count <= sizeof peer->out);
  memcpy(peer->out + peer->out_end, bytes, count);
  peer->out_end += count;
}

static void put(odd_peer *peer, const void *bytes, size_t count)
{
  size_t from = peer->out_end;
  odd_peer_raw(peer, bytes, count);
  odd_encode(&peer->out_key, peer->out + from, count);
}

void odd_peer_sign(odd_peer *peer, unsigned char sign) { put(peer, &sign, 1); }

void odd_peer_say(odd_peer *peer, const void *bytes, size_t count)
{
  const char *from = bytes;
  while (count) {
    size_t size = odd_portions[peer->turn++ % ODD_PORTIONS];
    if (size > ODD_MOST) size = ODD_MOST;
    if (size > count) size = count;
    odd_peer_sign(peer, (unsigned char)size);
    put(peer, from, size);
    from += size;
    count -= size;
  }
}

void odd_peer_go_deaf(odd_peer *peer)
{
  int size = 4096;
  peer->is_deaf = 1;
  assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

/* ---------------------------------------------------------------- listening -- */

static int is_its_turn(const odd_peer *peer)
{
  return peer->word < ODD_WORDS && (peer->word % 2 == 0) != peer->is_server;
}

static void shake_hands(odd_peer *peer)
{
  while (is_its_turn(peer)) {
    put(peer, odd_words[peer->word], strlen(odd_words[peer->word]));
    peer->word++;
  }
  if (!peer->at_once || peer->word + 1 < ODD_WORDS) return;
  odd_peer_say(peer, peer->at_once, strlen(peer->at_once));
  peer->at_once = NULL;
}

static void hear_word(odd_peer *peer, unsigned char byte)
{
  const char *word = odd_words[peer->word];
  assert_int_equal(byte, (unsigned char)word[peer->spelled]);
  if (word[++peer->spelled]) return;
  peer->spelled = 0;
  peer->word++;
  shake_hands(peer);
}

static void hear_sign(odd_peer *peer, unsigned char sign)
{
  if (sign && sign <= ODD_MOST) {
    peer->frame_left = sign;
  } else if (sign == ODD_CALL) {
    peer->called++;
    if (!peer->is_mute) odd_peer_sign(peer, ODD_ANSWER);
  } else if (sign == ODD_ANSWER) {
    peer->answers++;
  } else {
    assert_int_equal(sign, ODD_LAST);
    peer->heard_last++;
    if (!peer->keeps_last) odd_peer_sign(peer, ODD_LAST);
  }
}

static void hear(odd_peer *peer, unsigned char byte)
{
  assert_false(peer->heard_last);
  if (peer->word < ODD_WORDS) {
    hear_word(peer, byte);
  } else if (peer->frame_left) {
    assert_true(peer->heard_length < sizeof peer->heard);
    peer->heard[peer->heard_length++] = byte;
    peer->frame_left--;
  } else {
    hear_sign(peer, byte);
  }
}

static void listen_to(odd_peer *peer)
{
  unsigned char bytes[16 * 1024];
  size_t most = peer->is_slow ? 1000 : sizeof bytes;
  while (!peer->is_deaf && !peer->heard_end && !peer->error) {
    ssize_t got = recv(peer->fd, bytes, most, MSG_DONTWAIT);
    if (got < 0 && errno != EAGAIN) peer->error = errno;
    if (got == 0) peer->heard_end = 1;
    if (got <= 0) return;
    odd_decode(&peer->in_key, bytes, (size_t)got);
    for (ssize_t i = 0; i < got; i++) hear(peer, bytes[i]);
    if (peer->is_slow) return;
  }
}

void odd_peer_pump(odd_peer *peer)
{
  if (!peer->word) shake_hands(peer);
  listen_to(peer);
  while (peer->out_start < peer->out_end && !peer->error) {
    ssize_t sent = send(peer->fd, peer->out + peer->out_start, peer->out_end - peer->out_start,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return;
    peer->out_start += (size_t)sent;
  }
}

int odd_peer_is_open(const odd_peer *peer) { return peer->word == ODD_WORDS; }

int odd_peer_heard(const odd_peer *peer, const char *text)
{
  return peer->heard_length == strlen(text) && !memcmp(peer->heard, text, peer->heard_length);
}
