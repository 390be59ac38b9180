/* conn.h - one connection, as the core's own files see it.
 *
 *              bytes arrive          a wait that counts as idle
 *      new ------------------> active <----------------------> idle
 *       |                        |         bytes, work          |
 *       |  lc_conn_close         |  lc_conn_close, a limit      |  ... or the ladder
 *       v                        v                              v
 *       `---------------------> closing <-----------------------'
 *                                |  FIN acknowledged and seen, a bound reached, a failure
 *                                v
 *      any -----------------> closed: descriptor gone, `closed` called once, from a job;
 *         abort, reset, detach        it leaves the registry when its tasks have ended too
 *
 * The descriptor is valid (watch.fd >= 0) in every state but closed. `error` is
 * 0 while operations make sense; afterwards it is what each of them returns.
 */
#ifndef LC_CONN_H
#define LC_CONN_H

#include "base/address.h"
#include "base/buffer.h"
#include "conn/owner.h"
#include "lastcall.h"
#include "loop/loop.h"

/* What the kernel refused for lack of memory is tried again so much later: no event tells. */
#define LC_MEMORY_RETRY (10 * LC_MILLISECOND)

/* What only some connections need, allocated when they do. */
typedef struct lc_conn_extra {
  lc_settings settings; /* when has_settings: this connection's own */
  lc_buffer *posted;    /* waits for the end of a write that is half-way through */
  char *farewell;
  size_t farewell_length;
  int has_settings;
  uint64_t heard;   /* bytes received by the last look for signs of life */
  lc_time heard_at; /* when the peer was last heard of */
  lc_time asked_at; /* 0: it was not asked since */
  lc_time looked_at;
} lc_conn_extra;

/* There are many of them, most of them idle: this is what one costs before it says a word, so what only
 * some need is in `extra`, and what is needed at different times shares its place. */
struct lc_conn {
  lc_watch watch;
  lc_loop *loop;
  const lc_owner *owner; /* NULL once it has departed */
  lc_conn_extra *extra;
  void *user;
  uint64_t id;
  lc_peer peer;
  lc_job job;
  lc_timer timer; /* one for everything below, re-armed when it fires early */
  lc_time opened_at;
  lc_time last_byte_at;
  union { /* by its state */
    struct {
      lc_time idle_since;
      lc_time deadline;      /* the script's, absolute, for reads and writes */
      lc_time read_deadline; /* of the read that waits */
      union {                /* of the drain: mark.c */
        lc_time mark_at;     /* when mark_due */
        uint64_t mark;       /* when marked: so many bytes had arrived */
      };
    };
    struct { /* closing and closed */
      union {
        struct {              /* closing */
          uint64_t discarded; /* after our FIN */
          int64_t taken;      /* sent, less what is left in the kernel, by the latest look */
        };
        lc_verdict verdict; /* closed */
      };
      uint64_t late; /* bytes of the peer's that no handler was given */
      const char *cause;
    };
  };
  union {
    lc_time
      write_deadline;    /* of the write that waits, of what is gathered, or of a strict closing */
    lc_time progress_at; /* patient: when more was last acknowledged */
  };
  uint64_t received;
  uint64_t sent;
  lc_buffer *in;  /* received, not yet consumed; loop->input while that is on loan */
  lc_buffer *out; /* accepted, not yet taken by the kernel */

  uint32_t references;
  uint32_t tasks;
  uint32_t guards;
  int16_t error;
  int16_t failure; /* of gathered bytes, or of a torn write: what further writes give */

  uint8_t state;         /* lc_state */
  uint8_t wait;          /* lc_wait */
  uint8_t pending;       /* LC_READABLE ... to be told by the job */
  unsigned declared : 1; /* this wait is idle by its own word */
  unsigned consumed : 1; /* bytes were consumed since the last write */
  unsigned wrote : 1;    /* something was ever written */
  unsigned spoke : 1;    /* its first byte is known to have come in time, read or not */
  unsigned connecting : 1;
  unsigned in_drained : 1;  /* the last recv took all there was: only an event brings more */
  unsigned in_finished : 1; /* the peer has announced its FIN: recv until it says so */
  unsigned in_marked : 1; /* an urgent byte was announced: recv stops at it, though there is more */
  unsigned in_eof : 1;    /* recv has said 0 */
  unsigned in_shut : 1;   /* we closed our reading half */
  unsigned out_blocked : 1; /* the kernel took less than offered: only an event brings room */
  unsigned out_refused : 1; /* for lack of memory: no event will tell, the timer tries again */
  unsigned out_waits : 1;   /* a writer waits, its write half-way through */
  unsigned out_shut : 1;    /* the FIN has been sent */
  unsigned dropped : 1;     /* the peer is known to have closed without reading everything */
  unsigned torn : 1;        /* a write was given up half-way: only a reset is honest now */
  unsigned flush_queued : 1;
  unsigned dismissed : 1; /* by the ladder: ends with the farewell */
  unsigned told_closed : 1;
  unsigned detached : 1;
  unsigned outbound : 1; /* of our own making */
  unsigned
    foreign : 1; /* somebody else moves its bytes, encrypted: what is in the kernel cannot be judged */
  unsigned aged : 1; /* max_age has passed: closed at the next idle moment */
  unsigned reset_at_rest : 1;
  unsigned patient : 1;     /* closing: goes on while the peer's host acknowledges more */
  unsigned counts_late : 1; /* closing: bytes that no handler is given are counted */
  unsigned visited : 1;     /* the ladder has looked at it since the drain began */
  unsigned mark_due : 1;    /* mark_at is set */
  unsigned marked : 1;      /* mark is set */
};

/* conn.c */
/* A connection in memory of so many bytes, which the owner may use behind it; one reference, nothing open. */
lc_conn *lc_conn_new(lc_loop *loop, const lc_owner *owner, size_t size);
void lc_conn_move(lc_conn *conn, lc_state to, const char *cause);
void lc_conn_update(lc_conn *conn);              /* brings new, active and idle up to date */
void lc_conn_tell(lc_conn *conn, unsigned what); /* `ready`, from a job */
lc_conn_extra *lc_conn_need_extra(lc_conn *conn);
int lc_conn_take_error(
  lc_conn *conn); /* the socket's own, as a code; 0: none, or it was taken before */
int lc_conn_is_tcp(const lc_conn *conn);
/* Whether a task waits for the next unit of work and nothing is under way. */
int lc_conn_is_between(const lc_conn *conn);
/* Whether the owner drains and has not dismissed it yet. */
int lc_conn_is_draining(const lc_conn *conn);
/* It has become idle, or the drain has begun: its timer comes when the owner is to look at it. */
void lc_conn_consider(lc_conn *conn);
int lc_conn_begin(lc_conn *conn, int fd);    /* watched from here on */
void lc_conn_orphan(lc_conn *conn);          /* it has departed, or its owner is going */
void lc_settings_fit(lc_settings *settings); /* brings `gather` into its bound */

/* limits.c */
void lc_conn_arm(lc_conn *conn, lc_time at); /* the timer fires at `at` or earlier */
void lc_conn_rearm(lc_conn *conn);           /* for whatever comes first */
void lc_conn_due(lc_timer *timer, lc_time now);
lc_time lc_conn_limit(const lc_conn *conn, lc_time allowed); /* so much from now on */
lc_time lc_conn_age_end(const lc_conn *conn); /* the moment of max_age, or LC_NEVER */

/* input.c */
void lc_input_release(lc_conn *conn); /* gives the loan or the memory back when it is empty */
/* One recv: the number of bytes, 0 at the peer's FIN, LC_AGAIN, or a code. Not to be asked when in_drained. */
ssize_t lc_input_receive(lc_conn *conn, void *into, size_t room);
/* What came before a reset is the kernel's to give only while the descriptor is open: takes it all. */
void lc_input_rescue(lc_conn *conn);
void lc_input_drop(lc_conn *conn); /* whatever it holds */
void lc_input_keep(lc_conn *conn); /* in memory of its own: the loop may go */

/* output.c */
size_t lc_output_size(const lc_conn *conn); /* accepted and not with the kernel */
int lc_output_send(lc_conn *conn); /* 0: all sent; LC_AGAIN; or a code, the connection has failed */
/* The same, and then what was posted meanwhile: for whoever waited not to write, but for all to be sent. */
int lc_output_send_all(lc_conn *conn);
void lc_output_drop(lc_conn *conn);
int lc_output_append(lc_conn *conn, const char *data, size_t size);
void lc_output_merge_posted(lc_conn *conn);

/* mark.c */
void lc_mark_take(lc_conn *conn); /* its time has come */
void lc_mark_here(lc_conn *conn); /* it is dismissed: nothing more is handed over */
/* The ladder looks at it for the first time; `is_due`: marks are taken already. */
void lc_mark_visit(lc_conn *conn, int is_due);
void lc_mark_first_byte(lc_conn *conn);  /* the first byte has been received */
lc_time lc_mark_at(const lc_conn *conn); /* when it is to be taken; LC_NEVER: not by itself */

/* heartbeat.c */
int lc_heartbeat_begin(lc_conn *conn); /* its clock starts, if it is on */
lc_time lc_heartbeat_at(const lc_conn *conn);
void lc_heartbeat_due(lc_conn *conn, lc_time now);

/* closing.c */
void lc_closing_step(lc_conn *conn);
void lc_closing_ready(lc_conn *conn); /* an event has come */
void lc_closing_due(lc_conn *conn, lc_time now);
lc_time lc_closing_deadline(const lc_conn *conn);
int lc_closing_is_delivered(lc_conn *conn); /* it lingers, and the peer's host has everything */
size_t lc_closing_unacked(
  const lc_conn *conn); /* in the kernel; LC_UNKNOWN where it does not tell */
void lc_closing_give_up(
  lc_conn *conn); /* nobody waits any longer: the kernel delivers what it has */
/* The peer or the network ended it: descriptor closed, `error` and verdict set, waits told. */
void lc_conn_fail(lc_conn *conn, int code);
/* We give the peer up: LC_PEER_LOST and a reset. */
void lc_conn_lose(lc_conn *conn, const char *cause);

#endif
