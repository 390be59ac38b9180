/* server.h - a server as the core's own files see it: listeners, a registry, a ladder. */
#ifndef LC_SERVER_H
#define LC_SERVER_H

#include "server/inside.h"
#include "server/member.h"

/* server.c */
/* The process is about to end in mid-work: its end then resets each connection, so that no part of a reply looks like
 * a whole one. */
void lc_server_reset_at_exit(lc_server *server);
/* The kernel's name of a listener's socket becomes the address that it was opened with. */
void lc_server_told_address(const lc_server *server, lc_address *address);
/* account.c: the descriptor of a connection ends. */
void lc_account_ended(lc_conn *conn, int by_reset);

/* adopt.c */
void lc_adopt_open(lc_server *server); /* fills in `owner` */
/* Takes a connection out of the registry, and drops the server's reference. */
void lc_server_lose(lc_server *server, lc_conn *conn);
/* A spare connection, or NULL for lack of memory. */
lc_conn *lc_server_spare(lc_server *server);
/* The spare becomes the connection of a descriptor just accepted or connecting. */
int lc_server_adopt(lc_server *server, int fd, const lc_address *peer, lc_conn **conn);
/* Tells it, with the address where there is one. */
void lc_server_tell(lc_server *server, lc_notice notice, const lc_address *address);
void lc_server_notice(lc_server *server, const char *event, int code, const lc_address *address,
                      lc_time retry);

/* listening.c */
void lc_listening_init(lc_server *server);
void lc_listening_free(lc_server *server);
void lc_listening_stop(lc_server *server);     /* each listener begins to stop, at once */
void lc_listening_stop_now(lc_server *server); /* stops that are under way end */
void lc_listening_unhold(lc_server *server);   /* there may be room for clients that wait */

/* drain.c */
int lc_drain_open(lc_server *server);     /* the ladder's timer: 0 or -ENOMEM */
void lc_drain_settled(lc_server *server); /* a listener has been closed: was it the last one */
lc_time lc_drain_look_at(lc_conn *conn); /* when the ladder may close it; LC_NEVER while it works */
void lc_drain_look(lc_conn *conn);       /* closes it when its time has come */
void lc_drain_check(lc_server *server);  /* something has ended: the server may be done */

#endif
