/* conn/box.h - connections as Lua objects. */
#ifndef LC_BINDING_CONN_BOX_H
#define LC_BINDING_CONN_BOX_H

#include <lua.h>

#include "base/list.h"
#include "lastcall.h"
#include "runtime/runtime.h"
#include "task/owner.h"
#include "task/task.h"

typedef struct conn_box conn_box;
typedef struct staying staying;

/* Kept small, because each connection has one. Things that few connections need are in a table,
 * which then is the user value. */
struct conn_box {
  union {
    owner as_owner;
    struct {
      OWNER_FIELDS; /* `conn` is NULL in a spare; the user value keeps the server */
    };
  };
  task *reader;
  task *writer;               /* the task whose write is half-way through */
  lc_link waiting;            /* tasks that wait for their turn to write, or for the close */
  unsigned tasks;             /* owned by the connection */
  unsigned awaited;           /* those of a request whose context has ended */
  lc_http_exchange *exchange; /* the HTTP request that the handler works for, held; NULL */
  int16_t cut; /* LC_DRAINING or LC_CANCELED: the ladder ends every wait for input with this code */
  int16_t last_failure;       /* for conn:error() */
  unsigned is_served : 1;     /* by a handler */
  unsigned is_unstarted : 1;  /* the handler begins with the first byte, or the next unit */
  unsigned unit_waits : 1;    /* for the tasks of the unit before it */
  unsigned reader_rests : 1;  /* until those that are awaited have ended */
  unsigned connecting : 1;    /* until the connecting task has taken it */
  unsigned connected : 1;     /* the handshake of an outbound connection is done */
  unsigned is_detached : 1;   /* its ticket is not done yet */
  unsigned is_drain_told : 1; /* its on_drain of detach has been called */
  unsigned logged : 1;
  unsigned keeps : 1;            /* the user value is a table */
  unsigned half_way : 1;         /* the writer waits with part of its write accepted */
  unsigned is_findable : 1;      /* in the table of boxes without an anchor */
  unsigned may_be_collected : 1; /* while open: of lastcall.socket, and of pools */
  unsigned has_farewell : 1;     /* has a farewell of its own */
  unsigned is_fresh : 1;         /* it has had a unit since the last look of staying.c */
  unsigned place : 10;           /* there, from 1; 0: it does not stay */
  unsigned is_seen : 1;          /* a script may have it: it never serves another connection */
  uint8_t untold;                /* moves that wait to be passed to on_state */
};

#define UNTOLD_MOST UINT8_MAX
#define STAYING_MOST 1023u

/* All connections of a runtime. */
typedef struct conns {
  lc_server *outbound; /* the registry of outbound connections */
  struct leak *leaks;  /* collected while open, not logged yet */
  staying *staying;    /* the objects of busy connections */
  int boxes;           /* reference: the objects without an anchor, by address, in a weak table */
  int type;            /* reference: their metatable */
  int of_exchanges[3]; /* references: those of requests, headers and responses */
  int reads_large;     /* the last read_some got a large piece: the next may */
  lc_link directories; /* of http.files: those that are open for the rest of the turn */
} conns;

extern const char CONN_TYPE[];
/* The values kept with a connection. While there is only the server, the user value is the
 * server. */
enum {
  CONN_SERVER = 1,
  CONN_DATA, /* conn.data */
  CONN_CONTEXT,
  CONN_FAREWELL, /* its own: a string or a function */
  CONN_HOOKS,    /* the argument of detach */
  CONN_PLACE,    /* where it was opened, with the option `debug` */
  CONN_BEAT,     /* what its own heartbeat sends: a string or a function */
  CONN_EOF       /* the functions given to on_eof, in a table; false once called or taken back */
};

conn_box *conn_check(lua_State *L, int index);
extern const owner_type CONN_OWNER;

/* Argument 1, also of a finalizer; NULL for anything else. Recognizes a box by its contents: no
 * other userdata of this size has that address in this field. This is several times faster than
 * comparing metatables found by name. */
static inline conn_box *conn_of_object(lua_State *L)
{
  conn_box *box = lua_touserdata(L, 1);
  return box && lua_rawlen(L, 1) == sizeof *box && box->type == &CONN_OWNER ? box : NULL;
}

/* conn_check of argument 1, for the methods that are called most. */
static inline conn_box *conn_self(lua_State *L)
{
  conn_box *box = conn_of_object(L);
  return box && box->conn && box->rt->loop ? box : conn_check(L, 1);
}

/* Pushes a new box for a connection of a server, or for an outbound one (NULL). A server's
 * connection gets a context of its own below the server's, when one is first needed; other
 * connections get theirs by conn_make_context. */
conn_box *conn_box_new(lua_State *L, runtime *rt, lc_conn *conn, server_base *server); /* [0, +1] */
/* The same for a connection that nothing else has yet: where it raises, it resets the connection first. */
conn_box *conn_box_or_abort(lua_State *L, runtime *rt, lc_conn *conn, server_base *server);
/* The connection's own context, made now if there is none yet; nil when it has none. */
void conn_context_of(lua_State *L, int index);       /* of the object there [0, +1] */
void conn_push_context(lua_State *L, conn_box *box); /* [0, +1] */
/* Makes one below `parent`, which lies at the top, for the connection at `index`. */
void conn_make_context(lua_State *L, int index, context *parent); /* [-1, +1] */
/* Its own context, or NULL if it has not been made yet, as task_start takes it. */
context *conn_own_context(const conn_box *box);
void conn_end_context(conn_box *box, const char *cause);
void conn_end_waits(conn_box *box); /* ends the waits of tasks on it with "canceled" */
/* The tasks whose context is its own or one below it, like context_each_task. */
void conn_each_task(conn_box *box, void (*visit)(task *t, void *user), void *user);

int conn_failure(lua_State *L, conn_box *box, int code, const char *operation);
/* The same for operations that never wait: from the second failure on, other tasks run first. */
int conn_fail_fairly(lua_State *L, conn_box *box, int code, const char *operation);

#endif
