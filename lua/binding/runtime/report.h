/* runtime/report.h - passes log messages and errors to the functions for them. */
#ifndef LC_BINDING_RUNTIME_REPORT_H
#define LC_BINDING_RUNTIME_REPORT_H

#include <lua.h>

typedef struct runtime runtime;

/* A server's own functions: anchors, LUA_NOREF for none. */
typedef struct reporters {
  int log;
  int on_error;
} reporters;

/* Queues a message for the log of a server, or of the process (NULL): pops level, event, fields.
 * [-3, 0] */
void report_log(lua_State *L, runtime *rt, const reporters *own);
/* Queues a call to on_error likewise: pops error, traceback, connection, the name of its request.
 * [-4, 0] */
void report_error(lua_State *L, runtime *rt, const reporters *own);

#endif
