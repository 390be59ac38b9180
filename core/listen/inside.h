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
  unsigned number; /* the owner's first listener has 1 */
  int backlog;
  int is_shared;
  int leaves_path;       /* of a unix-domain socket: another process removes it */
  int in_group;          /* SO_REUSEPORT: other members have handshakes on the port, too */
  int place, group_size; /* in that group; 0 of 0: not known */
  int defers;            /* TCP_DEFER_ACCEPT is on */
  int stop_wanted;       /* the job is to stop it */
  int held;   /* not accepting: full, suspended, few descriptors are left; unhold looks again */
  int paused; /* not accepting: an error; the timer looks again */
  lc_time retry_after;   /* grows while errors last */
  lc_file_identity file; /* of a unix path we made */
  lc_address bound;      /* the kernel's name for the socket */
  lc_timer timer;
  lc_job job; /* accepts what exceeds one turn's share */

  const lc_stop_method *method; /* NULL until one has begun */
  int lossless;
  int is_unknown; /* not lossless only because the kernel did not show it */
  int is_hidden;
  lc_link in_lookout;
  int look_place;  /* among the ports of its look */
  int is_answered; /* its look is over: half_open and look_took tell of it */
  int half_open;   /* handshakes under way, or a code */
  lc_time look_took;
  int uncounted;   /* the code that says why no handshakes can be counted; or 0 */
  int quiet_looks; /* consecutive looks that found no handshake under way */
  lc_time look_at; /* when the next look is wanted; LC_NEVER while one is asked for */
  lc_time stop_began;
  lc_time hidden_at; /* from then on no new handshake can be ours */
  lc_time settled;   /* how long the stop took */
};

/* tell.c */
void lc_listener_tell(lc_listener *listener, const char *event, int code);
void lc_listener_not_lossless(lc_listener *listener, const char *event, int code);
/* The kernel did not show whether the stop was lossless. */
void lc_listener_not_known(lc_listener *listener, const char *event, int code);

/* settle.c: the handshakes under way end, while the listener is hidden or other members get its new
 * clients. */
int lc_settle_begin(lc_listener *listener); /* LC_LISTENER_SETTLING */
int lc_settle_due(lc_listener *listener, lc_time now, lc_time *again);

/* close.c */
void lc_listener_close(lc_listener *listener);
void lc_listener_finish(lc_listener *listener); /* its stop has ended */

/* accept.c */
/* The length of a TCP listener's queue; -1 where the kernel does not tell. */
int lc_listener_queue_length(const lc_listener *listener);
/* Whether the queue has a client. It is lost when the listener closes now. */
int lc_listener_has_queue(const lc_listener *listener);
/* Accepts at most a turn's share of the queue for the owner. */
void lc_listener_accept_share(lc_listener *listener);

/* stop_hide.c: no new client finds the listener any more. Returns 0 or a code. */
int lc_listener_hide(lc_listener *listener);

/* stop.c */
void lc_listener_stop_due(lc_listener *listener, lc_time now);

#endif
