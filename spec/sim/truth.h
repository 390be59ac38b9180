/* truth.h - what is really so inside the simulated kernel, for those who check the core against it.
 *
 * None of it can be had from a real kernel in one piece; none of it changes
 * anything, or takes time.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "kernel.h"

typedef struct sim_truth {
  int is_open;              /* else nothing below counts */
  int is_listening;         /* then only `queued` and `half_open` count */
  int is_connected;         /* the handshake was completed */
  uint64_t unread;          /* bytes received and not read */
  uint64_t came;            /* bytes received, read or not */
  uint64_t came_before_fin; /* of those, before shutdown(SHUT_WR) */
  uint64_t read_after_fin;  /* bytes read since shutdown(SHUT_WR) */
  uint64_t written;         /* bytes taken for sending, since the beginning */
  uint64_t delivered;       /* of those, acknowledged by the peer's host */
  uint64_t arrived;         /* of those, really there, acknowledged or not */
  int fin_sent;             /* shutdown(SHUT_WR) succeeded */
  int fin_acknowledged;     /* by the peer's host */
  lc_time acknowledged_at;  /* when the peer's host last acknowledged more; 0: never */
  int fin_received;
  int was_reset;
  int is_over;        /* nothing goes either way any more */
  int resets;         /* closing it now sends a reset */
  int linger_is_zero; /* deliberately */
  uint32_t is_ready;  /* what epoll would say now */
  int is_told;        /* it waits in epoll's list to be told */
  unsigned queued;    /* connections to be accepted */
  unsigned half_open;
} sim_truth;

void sim_truth_of(const sim_process *process, int fd, sim_truth *truth);
/* Whether the latest epoll_wait of the process told of this descriptor's socket. */
int sim_truth_was_told(const sim_process *process, int fd);
/* `closing` is called at each close() of a TCP socket's last descriptor, with how it was just
 * before. */
void sim_truth_on_close(sim_process *process,
                        void (*closing)(void *user, int fd, const sim_truth *truth), void *user);
/* Calls that named a descriptor which was not open, and descriptors closed while epoll had them. */
uint64_t sim_truth_strange(const sim_process *process);
uint64_t sim_truth_left_watched(const sim_process *process);

/* Which process has accepted the connection at the other end; NULL: none has. */
const sim_process *sim_truth_acceptor(const sim_process *process, int fd);

#endif
