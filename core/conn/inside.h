/* inside.h - what a connection is made of, for the files of conn/ and those above them. state.h has
 * its states.
 *
 * The descriptor is valid (watch.fd >= 0) in every state but closed. `error` is
 * 0 while the connection is usable; afterwards each operation returns it.
 */
#ifndef LC_CONN_INSIDE_H
#define LC_CONN_INSIDE_H

#include "base/address.h"
#include "base/buffer.h"
#include "conn/owner.h"
#include "lastcall.h"
#include "loop/loop.h"

/* No event tells when the kernel has memory again: the call is repeated after this time. */
#define LC_MEMORY_RETRY (10 * LC_MILLISECOND)

/* The kernel lacked memory for a call, which may be tried again. */
static inline int lc_is_shortage(ssize_t code) { return code == -ENOMEM || code == -ENOBUFS; }

struct lc_parcels;

/* The fields that only some connections need, allocated when they do. */
typedef struct lc_conn_extra {
  lc_conn *conn;
  lc_job opening_job;   /* a step of the transport's handshake */
  lc_settings settings; /* this connection's own, when has_settings */
  lc_buffer *posted;    /* posted during a write that waits, to be sent after it */
  char *farewell;
  size_t farewell_length;
  int has_settings;
  void *transport_state;
  const char *reason;          /* of the transport, for the failure of the connection; static */
  lc_time opening_at;          /* when a handshake began that was not the connection's first act */
  const lc_protocol *protocol; /* NULL: the owner's */
  uint64_t heard;              /* bytes received by the last look of the heartbeat */
  lc_time heard_at;            /* when the last byte came from the peer */
  lc_time asked_at;            /* when the peer was asked; 0: not since its last byte */
  lc_time looked_at;
  struct lc_parcels *parcels; /* descriptors that cross beside the bytes */
  lc_time look_pause; /* closing, of no socket: until the next look at what the reader has taken */
} lc_conn_extra;

/* There are many connections, and most are idle. So fields that few connections need are in
 * `extra`, and fields of different times share memory. What each request uses comes first: where
 * thousands of connections take turns, every further line of memory is fetched anew. */
struct lc_conn {
  lc_watch watch;
  lc_loop *loop;
  const lc_transport *transport;
  const lc_owner *owner; /* NULL once it has departed */
  lc_conn_extra *extra;
  void *user;
  lc_buffer *in;  /* received and not consumed; loop->input while the connection has the loan */
  lc_buffer *out; /* accepted for writing, not taken by the kernel */

  uint32_t references;
  uint32_t tasks;
  uint32_t guards;
  int16_t error;
  int16_t failure; /* of gathered bytes or a torn write: further writes return it */

  uint8_t state;         /* lc_state */
  uint8_t wait;          /* lc_wait */
  uint8_t pending;       /* flags of `ready` that the job will give */
  unsigned declared : 1; /* the present wait says that the connection is idle */
  unsigned consumed : 1; /* bytes were consumed since the last write */
  unsigned wrote : 1;    /* the embedder has written at least once */
  unsigned spoke : 1;    /* the peer's first byte came in time, read or not */
  unsigned connecting : 1;
  unsigned in_drained : 1;  /* the last recv took everything: wait for an event */
  unsigned in_finished : 1; /* the peer's FIN has been announced: recv until it returns 0 */
  unsigned in_marked : 1;   /* an urgent byte was announced: recv stops before it */
  unsigned in_eof : 1;      /* recv has returned 0 */
  unsigned in_torn : 1;     /* and the transport takes that for no proper end */
  unsigned in_shut : 1;     /* our reading half is shut */
  unsigned in_refused : 1;  /* the kernel lacked memory: the timer lets the reader try again */
  unsigned in_part : 1;     /* it holds half a record, or half a handshake */
  unsigned out_part : 1;    /* the last write was accepted in part: its rest is to follow */
  unsigned out_blocked : 1; /* the kernel took less than it was offered: wait for an event */
  unsigned out_refused : 1; /* the kernel lacks memory: no event tells, the timer tries again */
  unsigned out_more : 1;    /* what is sent now is followed by more at once */
  unsigned out_waits : 1;   /* a write waits, half-way through */
  unsigned out_kept : 1;    /* the transport keeps bytes that the kernel refused */
  unsigned out_ending : 1;  /* the transport has been told to finish: nothing more is written */
  unsigned out_shut : 1;    /* the FIN has been sent */
  unsigned dropped : 1;     /* the peer is known to have closed without reading everything */
  unsigned torn : 1;        /* a write was given up half-way: only a reset is honest */
  unsigned flush_queued : 1;
  unsigned dismissed : 1; /* the ladder ends it, with the farewell */
  unsigned told_closed : 1;
  unsigned detached : 1;
  unsigned outbound : 1;     /* an outbound connection */
  unsigned has_unit : 1;     /* of a protocol that knows its units: the embedder works for one */
  unsigned leaving : 1;      /* its protocol has been asked to leave */
  unsigned opening : 1;      /* the transport's handshake is under way */
  unsigned unheard : 1;      /* the embedder does not know of it, and gets none of its events */
  unsigned in_wants_out : 1; /* the transport has to write before it can receive */
  unsigned out_wants_in : 1; /* the reverse */
  unsigned aged : 1;         /* max_age has passed: closes at its next idle moment */
  unsigned reset_at_rest : 1;
  unsigned patient : 1;     /* closing: goes on while the peer's host acknowledges more */
  unsigned counts_late : 1; /* closing: bytes that no handler receives are counted */
  unsigned visited : 1;     /* the ladder has visited it since the drain began */
  unsigned mark_due : 1;    /* mark_at is set */
  unsigned marked : 1;      /* mark is set */
  unsigned sole : 1;        /* its descriptor has no copy in this process */
  unsigned sends_fds : 1;   /* descriptors may wait to be sent */
  unsigned takes_fds : 1;   /* descriptors that come are kept */

  uint64_t received;
  lc_time last_byte_at;
  union { /* by its state */
    struct {
      lc_time idle_since;
      lc_time deadline;      /* for all reads and writes, absolute */
      lc_time read_deadline; /* of the read that waits */
      union {                /* of the drain: mark.c */
        lc_time mark_at;     /* when mark_due */
        uint64_t mark;       /* when marked: how many bytes had arrived */
      };
    };
    struct { /* closing and closed */
      union {
        struct {              /* closing */
          uint64_t discarded; /* after our FIN */
          /* at the last look: bytes sent that the kernel does not hold any more */
          int64_t taken;
        };
        lc_verdict verdict; /* closed */
      };
      uint64_t late; /* bytes of the peer that no handler received */
      const char *cause;
    };
  };
  union {
    lc_time
      write_deadline;    /* of the write that waits, of what is gathered, or of a strict closing */
    lc_time progress_at; /* patient closing: when more was last acknowledged */
  };
  uint64_t sent;
  lc_timer timer; /* the only one; re-armed when it fires too early */

  lc_time opened_at;
  void *protocol_state;
  uint64_t id;
  lc_peer peer;
  lc_job job;
};

static inline int lc_conn_is_tcp(const lc_conn *conn)
{
  return lc_family_is_tcp(conn->peer.family);
}

/* Pipes and devices have no options, and only close() ends what they send. */
int lc_conn_is_socket(const lc_conn *conn);

#endif
