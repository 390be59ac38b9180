/* runtime/calling.h - makes the waiting calls, in the order of their causes. */
#ifndef LC_BINDING_RUNTIME_CALLING_H
#define LC_BINDING_RUNTIME_CALLING_H

#include <lua.h>

typedef struct runtime runtime;

void callbacks_run(runtime *rt);       /* makes them, until the turn's time is over */
int callbacks_wait(const runtime *rt); /* whether any wait */
/* For calls that lie apart. A message handler that notes the error and where it was raised. */
int callbacks_traceback(lua_State *L);
/* The result of that handler lies at the top; or a plain message, if there was no memory for it. */
void callbacks_failed(lua_State *L, const runtime *rt);

#endif
