/* handler.h - between the two halves of a handler: its events (handler.c), and what it does
 * (handler_deeds.c). */
#ifndef SIM_HANDLER_H
#define SIM_HANDLER_H

#include "run.h"

/* The next thing that it does; whether there is another one at once. */
int handler_advance(handler *h);
/* It has slept for as long as it wanted to; whether there is something to do then. */
int handler_awakes(handler *h);
/* What it waits for will not come: `code` says why. */
void handler_gives_up(handler *h, int code);
/* The handler of a connection that was accepted, which is noted as its user; NULL: the run has
 * failed. */
handler *handler_of_new(run *in, lc_conn *conn);
/* Posts a note, unless it would be taken for a part of a reply. */
void handler_notes(handler *h);
/* Its task is over, whatever it was at; and that of the task it left behind, if there is one. */
void handler_begins(run *in, lc_conn *conn); /* the connection has been accepted */
void handler_ends(handler *h);
void handler_ends_spawned(handler *h);

#endif
