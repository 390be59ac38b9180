/* runtime/calling.h - makes the calls that wait, in the order in which they came up. */
#ifndef LC_BINDING_RUNTIME_CALLING_H
#define LC_BINDING_RUNTIME_CALLING_H

#include <lua.h>

typedef struct runtime runtime;

void callbacks_run(runtime *rt);       /* those that wait, as long as the turn's time is not over */
int callbacks_wait(const runtime *rt); /* whether any do */
/* For calls that lie apart. A message handler: what was raised, and where. */
int callbacks_traceback(lua_State *L);
/* What that one made lies at the top; or, where there was no memory for it, a plain message. */
void callbacks_failed(lua_State *L, const runtime *rt);

#endif
