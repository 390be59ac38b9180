/* lastcall/ready.h - what a connection, or another descriptor, is ready for. */
#ifndef LASTCALL_READY_H
#define LASTCALL_READY_H

/* The flags of `ready`; several may come together. */
enum {
  LC_READABLE = 1,     /* a waiting read may go on: there are bytes, or the end, or an error */
  LC_WRITABLE = 2,     /* a waiting write may go on */
  LC_READ_TIMEOUT = 4, /* the deadline of the waiting read has passed */
  LC_WRITE_TIMEOUT = 8,
  LC_ENDED = 16,     /* closed by us, or failed: every wait is over, lc_conn_error says why */
  LC_CONNECTED = 32, /* the connect under way has succeeded */
  /* The peer's FIN has come, perhaps behind unread bytes. Given once, whether or not a read
   * waits. */
  LC_FINISHED = 64,
  /* A protocol that knows its units has a whole one: lc_conn_unit_ended ends the work for it. */
  LC_UNIT = 128
};

#endif
