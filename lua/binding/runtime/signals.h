/* runtime/signals.h - what a signal does. */
#ifndef LC_BINDING_RUNTIME_SIGNALS_H
#define LC_BINDING_RUNTIME_SIGNALS_H

#include <lua.h>

typedef struct runtime runtime;

typedef struct signals {
  int is_deaf;   /* to SIGPIPE, during a run */
  unsigned acts; /* of TERM and INT, those that end process 1 before a run: bits */
} signals;

void signals_open(lua_State *L, runtime *rt);
void signals_close(runtime *rt);

#endif
