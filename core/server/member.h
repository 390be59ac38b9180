/* member.h - a connection of a server, and what the server itself notes of it. */
#ifndef LC_MEMBER_H
#define LC_MEMBER_H

#include "conn/conn.h"

typedef struct lc_member {
  lc_conn conn;
  lc_link in_registry;
  unsigned was_idle : 1;       /* the ladder dismissed it as idle */
  unsigned handshake_seen : 1; /* counted in handshakes_seen */
  unsigned counted_canceled : 1;
  unsigned counted_killed : 1;
  unsigned counted_undelivered : 1;
  unsigned opening : 1;   /* counted in server.opening */
  unsigned unclaimed : 1; /* waits until the embedder asks for it: unclaimed.h */
  unsigned listener;      /* of an unclaimed one: the number of its listener */
} lc_member;

/* Every connection with an owner is a member of its server. */
static inline lc_member *lc_member_of(const lc_conn *conn)
{
  return LC_OWNER(conn, lc_member, conn);
}

#endif
