/* inside.h - what a listener is made of, for the files of listen/. */
#ifndef LC_LISTEN_INSIDE_H
#define LC_LISTEN_INSIDE_H

#include "listen/listener.h"
#include "listen/method.h"

struct lc_listener {
  lc_watch watch;
  lc_link in_owner;
  lc_listen_owner *owner;
  lc_address address; /* with the port in use */
  lc_listener_state state;
  int backlog;
  int is_shared;
  int in_group;          /* SO_REUSEPORT: the port's other handshakes are not ours */
  int place, group_size; /* in that group; 0 of 0: not known */
  int defers;            /* TCP_DEFER_ACCEPT is on */
  int stop_wanted;       /* the job stops it */
  int held;              /* not accepting: full, suspended, or nobody asked; unhold looks again */
  int paused;            /* not accepting: an error; the timer looks again */
  lc_time retry_after;   /* grows while errors last */
  lc_file_identity file; /* of a unix path we made */
  lc_address bound;      /* then what the kernel calls the socket */
  lc_timer timer;
  lc_job job;     /* the rest of a queue longer than one turn's share */
  lc_conn *ahead; /* accepted to see whether anybody is left: the next to be handed out */

  const lc_stop_method *method; /* NULL until one has begun */
  int lossless;
  int is_unknown; /* it is not lossless only because nobody could see whether it was */
  int is_hidden;
  int diag;        /* netlink socket; or the code of why there is none */
  int quiet_looks; /* consecutive looks that found no handshake under way */
  lc_time stop_began;
  lc_time hidden_at; /* since when no new handshake can be ours */
  lc_time settled;   /* how long it took */
};

/* tell.c */
void lc_listener_tell(lc_listener *listener, const char *event, int code);
void lc_listener_not_lossless(lc_listener *listener, const char *event, int code);
/* Nobody could see whether it was lossless. */
void lc_listener_not_known(lc_listener *listener, const char *event, int code);

/* settle.c: handshakes under way end while the listener is hidden, or others get its new clients. */
int lc_settle_begin(lc_listener *listener); /* LC_LISTENER_SETTLING */
int lc_settle_due(lc_listener *listener, lc_time now, lc_time *again);
/* `code` says why handshakes cannot be counted from now on. */
void lc_settle_stop_counting(lc_listener *listener, int code);

/* close.c */
void lc_listener_close(lc_listener *listener);
void lc_listener_finish(lc_listener *listener); /* ends its stop */

/* accept.c */
/* The length of a TCP listener's queue; -1 where the kernel does not tell. */
int lc_listener_queue_length(const lc_listener *listener);
/* Whether somebody is connected and not accepted: lost, when the listener is closed now. */
int lc_listener_has_queue(const lc_listener *listener);
/* Takes up to a turn's share of the queue for the owner. */
void lc_listener_accept_share(lc_listener *listener);
/* Where the length of the queue cannot be told, it is found out: the next client is accepted, and kept until
 * somebody asks. */
void lc_listener_accept_ahead(lc_listener *listener);

/* stop_hide.c: no new client finds the listener any more. 0 or a code. */
int lc_listener_hide(lc_listener *listener);

/* stop.c */
void lc_listener_stop_due(lc_listener *listener, lc_time now);

#endif
