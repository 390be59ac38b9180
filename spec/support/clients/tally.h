/* tally.h - what became of the clients of one temper, counted. */
#ifndef CLIENTS_TALLY_H
#define CLIENTS_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Each client that was opened ends in exactly one of SERVED to LOCAL. */
enum count {
  OPENED,
  CONNECTED,  /* connect() succeeded, even where a reset came in the same breath */
  SERVED,     /* the whole reply arrived, every byte right */
  REFUSED,    /* ECONNREFUSED, or ENOENT for a unix path */
  LOST,       /* connected, then reset or EOF without a byte of reply */
  TRUNCATED,  /* connected, then reset or EOF in mid-reply */
  GARBLED,    /* a byte that is not the one agreed on */
  UNFINISHED, /* connected and still without the whole reply at the hard stop */
  HANGING,    /* neither connected nor refused at the hard stop */
  AT_EOF,     /* waited for the server's EOF and got it */
  RESET,      /* waited for the server's EOF and got a reset */
  OPEN,       /* waited for the server's EOF until the hard stop */
  ENDED,      /* left of its own accord, owing and owed nothing */
  OTHER,      /* connect() failed some other way: timed out, unreachable, ... */
  LOCAL,      /* our own fault: no descriptors, no ports */
  BUSY,       /* times a unix connect found the queue full and was tried again */
  SURPLUS,    /* clients that got bytes beyond the reply: a farewell */
  DELAYED,    /* served, but only after `--delayed` milliseconds */
  REQUESTS,   /* whole replies of clients that ask more than once */
  COUNTS
};

enum where { AT_CONNECT, AT_SEND, AT_RECV, WHERES };
enum { ERRNOS = 134 };

struct tally {
  uint64_t count[COUNTS];
  uint64_t errors[WHERES][ERRNOS];
  uint64_t bytes;         /* of replies */
  double slowest;         /* seconds from connect() called to the whole reply */
  double slowest_refusal; /* seconds from connect() called to the refusal */
  /* Seconds after the bell; negative where nothing of the kind was seen. */
  double first_refused, last_connected, first_end, last_end;
};

void tally_open(struct tally *tally);
void tally_error(struct tally *tally, enum where where, int error);

/* Clients left without what they were owed. A reset instead of EOF is a harm to
 * an idle client unless its temper says otherwise. */
uint64_t tally_harm(const struct tally *tally, bool reset_is_harm);

/* One line: `name opened=.. served=..`, or a JSON object. Counts that are zero
 * are left out of the text unless they are the ones everybody looks for. */
void tally_print(const struct tally *tally, const char *name, bool json, FILE *out);

#endif
