/* websocket.c - the client's side of WebSocket: the handshake, and frames of its messages. */
#include "websocket.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "common.h"

static const char request[] =
  "GET / HTTP/1.1\r\nHost: localhost\r\n"
  "Connection: Upgrade\r\nUpgrade: websocket\r\n"
  "Sec-WebSocket-Version: 13\r\n"
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char accepted[] = "HTTP/1.1 101";

/* The server says nothing behind the head before it has heard a message, so nothing of that is lost here. */
void websocket_begin(int fd)
{
  char answer[4096] = "";
  size_t length = 0;
  if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0) give_up("send");
  while (!strstr(answer, "\r\n\r\n")) {
    ssize_t got = recv(fd, answer + length, sizeof answer - 1 - length, 0);
    if (got <= 0) give_up("the handshake of WebSocket");
    length += (size_t)got;
  }
  if (!strncmp(answer, accepted, sizeof accepted - 1)) return;
  errno = EPROTO;
  give_up("the server does not speak WebSocket");
}

size_t websocket_frame(char *frame, const char *payload, size_t length, bool is_masked)
{
  static const char mask[4] = {0x12, 0x34, 0x56, 0x78};
  unsigned kept = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8; /* bytes of a long length */
  size_t at = 0;
  frame[at++] = (char)0x81; /* a text, whole */
  frame[at++] = (char)((is_masked ? 0x80 : 0) | (kept == 0 ? length : kept == 2 ? 126 : 127));
  for (unsigned i = kept; i > 0; i--) frame[at++] = (char)(length >> (8 * (i - 1)));
  if (is_masked) memcpy(frame + at, mask, sizeof mask);
  at += is_masked ? sizeof mask : 0;
  for (size_t i = 0; i < length; i++)
    frame[at + i] = (char)(payload[i] ^ (is_masked ? mask[i % 4] : 0));
  return at + length;
}
