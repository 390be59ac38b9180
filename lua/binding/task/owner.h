/* task/owner.h - owners of tasks: a connection, a server, or the process. */
#ifndef LC_BINDING_TASK_OWNER_H
#define LC_BINDING_TASK_OWNER_H

#include <lua.h>
#include <stdint.h>

#include "base/list.h"
#include "lastcall.h"
#include "runtime/report.h"

typedef struct runtime runtime;
typedef struct task task;
typedef struct context context;
typedef struct straggler_list straggler_list;
typedef struct owner owner; /* NULL stands for the process */
typedef struct server_base server_base;

/* The operations that differ between a connection and a server. Tasks and contexts lie below both,
 * and reach them only by this table. */
typedef struct owner_type {
  int (*push)(lua_State *L, owner *by);  /* its object [0, +1]; or 0 and nothing when it is gone */
  void (*hold)(lua_State *L, owner *by); /* it owns one more task */
  void (*release)(owner *by);
  /* The owner itself; once it is over, the owner that takes its new tasks. */
  owner *(*heir)(owner *by);
  /* For a connection only: its own context, made now if there is none yet; nil when it has none.
   * [0, +1] */
  void (*push_context)(lua_State *L, owner *by);
  void (*finished)(owner *by,
                   task *t); /* its handler, the task of its on_drain, or one that it awaits */
} owner_type;

/* The first fields of a connection's box, and of a server's. `conn` is NULL for a server;
 * `of_server` is the connection's server, or the server itself, or NULL. A connection's context is
 * made when first needed: until then its tasks use `ended`, and are in `own_tasks`. A server has
 * its context from the beginning. */
#define OWNER_FIELDS                                                                    \
  const owner_type *type;                                                               \
  runtime *rt;                                                                          \
  lc_conn *conn;                                                                        \
  server_base *of_server;                                                               \
  union {                                                                               \
    context *ctx;          /* when has_context */                                       \
    const char *end_cause; /* else, when it has ended: of what */                       \
  };                                                                                    \
  lc_link own_tasks;                                                                    \
  int anchor;    /* of its object; LUA_NOREF while only the script, if any, holds it */ \
  int16_t ended; /* without a context: 0, or LC_CANCELED */                             \
  int16_t has_context

struct owner {
  OWNER_FIELDS;
};

/* Whether the peer's FIN ends a context; by default, that of a request. */
typedef enum eof_policy { EOF_BY_PROTOCOL, EOF_CANCELS, EOF_FINISHES } eof_policy;

/* The fields of a server that its tasks and connections use. */
#define SERVER_FIELDS                                             \
  OWNER_FIELDS;                                                   \
  lc_server *server; /* NULL once freed */                        \
  reporters told;                                                 \
  lc_time max_block;    /* for its tasks; 0: the run's */         \
  lc_time idle_timeout; /* of a connection that has left HTTP */  \
  straggler_list *stragglers;                                     \
  int handler;      /* anchors: a function, LUA_NOREF for none */ \
  int farewell;     /* likewise, or a string */                   \
  int beat;         /* what a heartbeat says: likewise */         \
  eof_policy at_eof /* what the peer's FIN does to a connection's context */

struct server_base {
  union {
    owner as_owner;
    struct {
      SERVER_FIELDS;
    };
  };
};

static inline server_base *owner_server(const owner *by) { return by ? by->of_server : NULL; }
static inline lc_conn *owner_conn(const owner *by) { return by ? by->conn : NULL; }
static inline const reporters *owner_reporters(const owner *by)
{
  return by && by->of_server ? &by->of_server->told : NULL;
}
static inline int owner_push(lua_State *L, owner *by) { return by ? by->type->push(L, by) : 0; }

#endif
