/* listener.h - one listening socket, from bind to the last client it may not lose. */
#ifndef LC_LISTENER_H
#define LC_LISTENER_H

#include "base/list.h"
#include "loop/loop.h"
#include "sys/sys.h"

typedef enum lc_listener_state {
  LC_LISTENER_OPEN,
  LC_LISTENER_WIDENING, /* the states of a stop: listener_stop.c has their diagram */
  LC_LISTENER_SETTLING,
  LC_LISTENER_EMPTYING,
  LC_LISTENER_CLOSED
} lc_listener_state;

typedef struct lc_listener {
  lc_watch watch;
  lc_link in_server;
  lc_server *server;
  lc_address address; /* with the port in use */
  lc_listener_state state;
  int backlog;
  int is_shared;
  int in_group;          /* SO_REUSEPORT: the port's other handshakes are not ours */
  int place, group_size; /* in that group; 0 of 0: not known */
  int is_steered;        /* the group's program is ours, to be taken away again */
  int is_hidden;
  int defers;            /* TCP_DEFER_ACCEPT is on */
  int stop_wanted;       /* the job stops it */
  int held;              /* not accepting: full, suspended, or nobody asked; unhold looks again */
  int paused;            /* not accepting: an error; the timer looks again */
  lc_time retry_after;   /* grows while errors last */
  lc_file_identity file; /* of a unix path we made */
  lc_address bound;      /* then what the kernel calls the socket */
  lc_timer timer;
  lc_job job; /* the rest of a queue longer than one turn's share */

  lc_conn
    *ahead; /* accepted to see whether anybody is left, and counted: the next to be handed out */

  const char *method;
  int lossless;
  int is_unknown;  /* it is not lossless only because nobody could see whether it was */
  int diag;        /* netlink socket; or the code of why there is none */
  int quiet_looks; /* consecutive looks that found no handshake under way */
  lc_time stop_began;
  lc_time hidden_at; /* since when no new handshake can be ours */
  lc_time settled;   /* how long it took */
} lc_listener;

int lc_listener_open(lc_server *server, const lc_address *address,
                     const lc_listen_options *options);
int lc_listener_take(lc_server *server, int fd, const lc_listen_options *options);
void lc_listener_free(lc_listener *listener);

/* One connection: 0, LC_AGAIN, or a code after which accepting pauses. */
int lc_listener_accept(lc_listener *listener, lc_conn **conn);
/* Where the length of the queue cannot be told, it is found out: whoever is the next is accepted, and kept until
 * somebody asks. */
void lc_listener_accept_ahead(lc_listener *listener);
/* Takes up to a turn's share of the queue for the server. */
void lc_listener_accept_share(lc_listener *listener);
/* The length of a TCP listener's queue; -1 where the kernel does not tell. */
int lc_listener_queue_length(const lc_listener *listener);
/* Whether somebody is connected and not accepted: lost, when the listener is closed now. */
int lc_listener_has_queue(const lc_listener *listener);
/* The reason for holding back may be gone. */
void lc_listener_unhold(lc_listener *listener);

/* listener_stop.c: stops without losing a client; once, in a turn. */
void lc_listener_stop(lc_listener *listener);
void lc_listener_stop_due(lc_listener *listener, lc_time now);
/* The queue has been found empty. */
void lc_listener_stop_empty(lc_listener *listener);
/* Now, whoever is in the queue. */
void lc_listener_stop_now(lc_listener *listener);
void lc_listener_close(lc_listener *listener);

#endif
