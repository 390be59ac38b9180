/* inside.h - what a connection is made of, for the files of conn/ and those above them. state.h has its states.
 *
 * The descriptor is valid (watch.fd >= 0) in every state but closed. `error` is
 * 0 while operations make sense; afterwards it is what each of them returns.
 */
#ifndef LC_CONN_INSIDE_H
#define LC_CONN_INSIDE_H

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
  void *transport_state;
  const lc_protocol *protocol; /* NULL: the owner's */
  void *protocol_state;
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
  const lc_transport *transport;
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
  unsigned out_kept : 1;    /* the transport keeps bytes that the kernel refused */
  unsigned out_ending : 1;  /* the transport has been told to finish: nothing more is written */
  unsigned out_shut : 1;    /* the FIN has been sent */
  unsigned dropped : 1;     /* the peer is known to have closed without reading everything */
  unsigned torn : 1;        /* a write was given up half-way: only a reset is honest now */
  unsigned flush_queued : 1;
  unsigned dismissed : 1; /* by the ladder: ends with the farewell */
  unsigned told_closed : 1;
  unsigned detached : 1;
  unsigned outbound : 1;     /* of our own making */
  unsigned has_unit : 1;     /* of a protocol that knows its units: the embedder works for one */
  unsigned leaving : 1;      /* its protocol has been asked to leave */
  unsigned opening : 1;      /* the transport is not open yet */
  unsigned unheard : 1;      /* the owner is told of it when it is open */
  unsigned in_wants_out : 1; /* the transport has to write before it can receive */
  unsigned out_wants_in : 1; /* the reverse */
  unsigned aged : 1;         /* max_age has passed: closed at the next idle moment */
  unsigned reset_at_rest : 1;
  unsigned patient : 1;     /* closing: goes on while the peer's host acknowledges more */
  unsigned counts_late : 1; /* closing: bytes that no handler is given are counted */
  unsigned visited : 1;     /* the ladder has looked at it since the drain began */
  unsigned mark_due : 1;    /* mark_at is set */
  unsigned marked : 1;      /* mark is set */
};

static inline int lc_conn_is_tcp(const lc_conn *conn) { return conn->peer.family != AF_UNIX; }

#endif
