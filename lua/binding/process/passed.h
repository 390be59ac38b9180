/* process/passed.h - room for the descriptors that go with a message. */
#ifndef LC_BINDING_PROCESS_PASSED_H
#define LC_BINDING_PROCESS_PASSED_H

#include <sys/socket.h>

enum { PASSED_MOST = 16 }; /* descriptors that come with one message; others are lost */

typedef union passed {
  struct cmsghdr header;
  char space[CMSG_SPACE(PASSED_MOST * sizeof(int))];
} passed;

/* Puts the descriptor into the message that is to be sent. */
void pass_descriptor(struct msghdr *message, passed *room, int fd);

#endif
