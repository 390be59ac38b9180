/* websocket.h - the client's side of WebSocket: the handshake, and frames of its messages. */
#ifndef LOAD_WEBSOCKET_H
#define LOAD_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

enum { WEBSOCKET_HEAD = 14 }; /* bytes of a frame's head, at most */

/* Asks, and waits for the whole answer, which has to be 101. Gives up otherwise. */
void websocket_begin(int fd);
/* Writes the frame of a message, masked as a client's is, or plain as a server's. Returns its length. */
size_t websocket_frame(char *frame, const char *payload, size_t length, bool is_masked);

#endif
