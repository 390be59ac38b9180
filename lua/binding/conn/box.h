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
  task *writer;              /* whose write is half-way through */
  lc_link waiting;           /* tasks that wait for their turn to write, or for the end */
  unsigned tasks;            /* that it owns */
  int16_t cut;               /* LC_DRAINING or LC_CANCELED: the ladder ends every wait for input */
  int16_t last_failure;      /* for conn:error() */
  unsigned is_served : 1;    /* by a handler */
  unsigned is_unstarted : 1; /* which begins with the first byte */
  unsigned connecting : 1;   /* until the task that connects has taken it */
  unsigned connected : 1;    /* the handshake of one of our own making is done */
  unsigned is_detached : 1;  /* its ticket is not done yet */
  unsigned logged : 1;
  unsigned half_way : 1;     /* the writer waits with part of its write accepted */
  unsigned is_findable : 1;  /* in the table of those that nobody anchors */
  unsigned is_socket : 1;    /* of lastcall.socket, where it may be collected while open */
  unsigned has_farewell : 1; /* of its own */
  unsigned untold : 8;       /* moves that on_state is still to be told of */
};

#define UNTOLD_MOST 255

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

/* conn/conn.c: the object and its life. */
conn_box *conn_check(lua_State *L, int index);
conn_box *conn_self(lua_State *L); /* argument 1 of a method: the same, for what is called most */
/* A box for a connection of a server, or of our own making (NULL): pushes it. A server's will have a context
 * of its own below the server's, as soon as one is asked for; others have what they are given. */
conn_box *conn_box_new(lua_State *L, runtime *rt, lc_conn *conn, server_base *server); /* [0, +1] */
void conn_keep_value(lua_State *L, int index, int key); /* pops what is kept as `key` [-1, 0] */
int conn_kept_value(lua_State *L, int index, int key);  /* pushes it; its type [0, +1] */
/* Its own context, made now if it has not been; nil when it has none. */
void conn_push_context(lua_State *L, conn_box *box); /* [0, +1] */
/* Makes one below `parent`, which lies at the top, for the connection at `index`. */
void conn_make_context(lua_State *L, int index, context *parent); /* [-1, +1] */
/* Its own, NULL while nobody has asked for it: as task_start has it. */
context *conn_own_context(const conn_box *box);
int conn_push(lua_State *L, conn_box *box);         /* [0, +1], or 0 and nothing when it is gone */
void conn_keep(lua_State *L, conn_box *box);        /* anchors the box at the top [0, 0] */
void conn_keep_weakly(lua_State *L, conn_box *box); /* findable, but not kept alive [0, 0] */
/* Anchors it, if its handler has not begun. [0, 0] */
void conn_keep_unstarted(lua_State *L, int index);
void conn_unanchor_when_over(conn_box *box);
void conn_end_context(conn_box *box, const char *cause);
/* The tasks that go by its own context or one below it, as context_each_task has it. */
void conn_each_task(conn_box *box, void (*visit)(task *t, void *user), void *user);
int conn_collect(lua_State *L); /* the finalizer */

int conn_failure(lua_State *L, conn_box *box, int code, const char *operation);
/* The same for operations that never wait: from the second failure on, others run first. */
int conn_fail_fairly(lua_State *L, conn_box *box, int code, const char *operation);
/* Tells the log how it ended, unless it was in order. */
void conn_log_failure(runtime *rt, const server_base *server, lc_conn *conn);
int conn_on_ready(lc_conn *conn, unsigned what); /* 0: it has no object, or no longer */
void conn_on_closed(lc_conn *conn);
void conn_on_draining(lc_conn *conn);
void conn_cancel(lc_conn *conn);

/* conn/properties.c */
void conn_open(lua_State *L, runtime *rt); /* functions into the table at the top, its methods */

/* conn/reading.c. This and the next conn_open_... register methods into the table at the top. */
void conn_open_reading(lua_State *L, runtime *rt);
/* Suspends the one task that reads until input comes, the deadline passes, or the ladder cuts it. */
int conn_wait_input(lua_State *L, task *t, conn_box *box, lc_time deadline, const char *operation,
                    lua_KContext kept, lua_KFunction again);

/* conn/writing.c */
void conn_open_writing(lua_State *L, runtime *rt);
void conn_wake_writers(conn_box *box, int code); /* those that wait for their turn */
/* Suspends until everything written is with the kernel; afterwards conn_end_write. */
int conn_wait_flushed(lua_State *L, task *t, conn_box *box, const char *operation,
                      lua_KContext kept, lua_KFunction again);
void conn_end_write(conn_box *box, const task *t);
/* Whether another task's write is half-way through. */
int conn_is_being_written(const conn_box *box, const task *t);

/* conn/closing.c */
void conn_open_closing(lua_State *L, runtime *rt);
/* Closes in order, with the farewell. */
void conn_dismiss(lua_State *L, conn_box *box, const char *cause);
int conn_has_farewell(const conn_box *box); /* its own, or the server's */
/* Its handler has ended: closes it in order, with the farewell when the ladder is why; or, killed, at once. */
void conn_finished(owner *by, task *t);

/* conn/words.c: farewells and heartbeats. */
void conn_open_words(lua_State *L, runtime *rt);
/* What it is to be told: its own words, in the user value `own`, or else the server's, an anchor. A
 * function of the script's runs as a callback would and may not wait. NULL when there are none; else they
 * lie at the top of the stack. The box lies below, and is to be left there while it is used. */
const char *conn_words(lua_State *L, conn_box *box, int own, int servers, const char *where,
                       size_t *length);
void conn_on_heartbeat(lc_conn *conn, runtime *rt);

/* conn/settings.c, conn/sockopt.c */
void conn_open_settings(lua_State *L, runtime *rt);
void conn_open_sockopt(lua_State *L, runtime *rt);
/* Brings it to new settings: pushes true, or nil, code, message; how many. */
int conn_apply(lua_State *L, conn_box *box, const lc_settings *settings, const char *operation);

/* conn/eof.c */
void conn_open_eof(lua_State *L, runtime *rt);
void conn_on_finished(conn_box *box); /* the peer's FIN has come; the box is pinned */

/* conn/detach.c */
void conn_open_detach(lua_State *L, runtime *rt);

/* conn/relay.c: functions of the module */
void conn_open_relay(lua_State *L, runtime *rt);
/* For the ladder: runs what detach was given; at the kill it is counted no longer. */
void conn_drain_detached(lua_State *L, conn_box *box);
void conn_kill_detached(lua_State *L, conn_box *box);
void conn_end_detached(conn_box *box);

/* conn/leaks.c: connections that were collected while open. */
void conn_note_place(lua_State *L);            /* of the connection at the top, with `debug` */
void conn_leaked(lua_State *L, conn_box *box); /* from its finalizer; the box is at index 1 */
void conn_tell_leaks(runtime *rt);             /* to the log */
void conn_forget_leaks(runtime *rt);

/* conn/connect.c */
lc_server *conn_new_outbound(runtime *rt); /* the registry of connections of our own making */

#endif
