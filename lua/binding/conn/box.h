/* conn/box.h - connections as Lua objects. */
#ifndef LC_BINDING_CONN_BOX_H
#define LC_BINDING_CONN_BOX_H

#include <lua.h>

#include "base/list.h"
#include "lastcall.h"
#include "task/owner.h"
#include "task/task.h"

typedef struct conn_box conn_box;

/* Kept small, for there is one for each connection: what few of them need is in the table that its one
 * user value then is. */
struct conn_box {
  union {
    owner as_owner;
    struct {
      OWNER_FIELDS; /* `conn` is never NULL; the user value keeps the server */
    };
  };
  task *reader;
  task *writer;               /* whose write is half-way through */
  lc_link waiting;            /* tasks that wait for their turn to write, or for the end */
  unsigned tasks;             /* that it owns */
  int16_t cut;                /* LC_DRAINING or LC_CANCELED: the ladder ends every wait for input */
  int16_t last_failure;       /* for conn:error() */
  unsigned is_served : 1;     /* by a handler */
  unsigned is_unstarted : 1;  /* which begins with the first byte */
  unsigned connecting : 1;    /* until the task that connects has taken it */
  unsigned connected : 1;     /* the handshake of one of our own making is done */
  unsigned is_detached : 1;   /* its ticket is not done yet */
  unsigned is_drain_told : 1; /* to the one that has it since */
  unsigned logged : 1;
  unsigned half_way : 1;     /* the writer waits with part of its write accepted */
  unsigned is_findable : 1;  /* in the table of those that nobody anchors */
  unsigned is_socket : 1;    /* of lastcall.socket, where it may be collected while open */
  unsigned has_farewell : 1; /* of its own */
  unsigned untold : 8;       /* moves that on_state is still to be told of */
};

#define UNTOLD_MOST 255

/* All connections of a runtime. */
typedef struct conns {
  lc_server *outbound; /* the registry of those of our own making */
  struct leak *leaks;  /* collected while open, not yet told to the log */
  int reads_large;     /* the last read_some got a large piece: the next may */
} conns;

extern const char CONN_TYPE[];
/* What is kept with a connection. While it is the server alone, the user value is that. */
enum {
  CONN_SERVER = 1,
  CONN_DATA, /* conn.data */
  CONN_CONTEXT,
  CONN_FAREWELL, /* its own: a string or a function */
  CONN_HOOKS,    /* what detach was given */
  CONN_PLACE,    /* where it was opened, with the option `debug` */
  CONN_BEAT,     /* what its own heartbeat says: a string or a function */
  CONN_EOF /* the functions given to on_eof, in a table; false in place of one that was called or taken back */
};

conn_box *conn_check(lua_State *L, int index);
conn_box *conn_self(lua_State *L); /* argument 1 of a method: the same, for what is called most */
conn_box *conn_of_object(
  lua_State *L); /* argument 1, also of a finalizer; NULL for anything else */
/* A box for a connection of a server, or of our own making (NULL): pushes it. A server's will have a context
 * of its own below the server's, as soon as one is asked for; others have what they are given. */
conn_box *conn_box_new(lua_State *L, runtime *rt, lc_conn *conn, server_base *server); /* [0, +1] */
/* Its own context, made now if it has not been; nil when it has none. */
void conn_context_of(lua_State *L, int index);       /* of the object there [0, +1] */
void conn_push_context(lua_State *L, conn_box *box); /* [0, +1] */
/* Makes one below `parent`, which lies at the top, for the connection at `index`. */
void conn_make_context(lua_State *L, int index, context *parent); /* [-1, +1] */
/* Its own, NULL while nobody has asked for it: as task_start has it. */
context *conn_own_context(const conn_box *box);
void conn_end_context(conn_box *box, const char *cause);
void conn_end_waits(conn_box *box); /* of tasks, for it: they are told "canceled" */
/* The tasks that go by its own context or one below it, as context_each_task has it. */
void conn_each_task(conn_box *box, void (*visit)(task *t, void *user), void *user);

int conn_failure(lua_State *L, conn_box *box, int code, const char *operation);
/* The same for operations that never wait: from the second failure on, others run first. */
int conn_fail_fairly(lua_State *L, conn_box *box, int code, const char *operation);

#endif
