/* binding.h - what the files of the Lua binding share: a header for each concept, and the parts of the
 * module that have none of their own. */
#ifndef LC_BINDING_H
#define LC_BINDING_H

#include <lauxlib.h>
#include <lua.h>

#include "script/lua_version.h"

#include "base/list.h"
#include "conn/box.h"
#include "conn/connect.h"
#include "conn/describe.h"
#include "conn/detach.h"
#include "conn/eof.h"
#include "conn/events.h"
#include "conn/farewell.h"
#include "conn/keeping.h"
#include "conn/leaks.h"
#include "conn/methods.h"
#include "conn/reading.h"
#include "conn/settings.h"
#include "conn/stragglers.h"
#include "conn/words.h"
#include "conn/writing.h"
#include "context/object.h"
#include "lastcall.h"
#include "runtime/calling.h"
#include "runtime/interrupt.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/watched.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/options.h"
#include "script/raise.h"
#include "script/register.h"
#include "server/box.h"
#include "task/body.h"
#include "task/context.h"
#include "task/foreign.h"
#include "task/scope.h"
#include "task/suspension.h"
#include "task/task.h"
#include "task/traceback.h"
#include "task/wait.h"
#include "wait/selecting.h"
#include "watch/watch.h"

/* A socket object that stands for no descriptor yet. [0, +1] */
void socket_push(lua_State *L, runtime *rt);
/* Calls the function at `function` with that object, at `socket`, which stands for `fd` until it returns: in the
 * midst of the core's work, so nothing in here raises. LUA_OK, or another status with the error at the top. */
int socket_call(lua_State *L, int function, int socket, int fd); /* [0, 0 or +1] */
void sockopt_open(lua_State *L, runtime *rt);

/* Functions of the module, into the table at the top. */
void resolve_open(lua_State *L, runtime *rt);
void process_open(lua_State *L, runtime *rt); /* run, step, shutdown */
void signals_open(lua_State *L, runtime *rt);
void signals_close(runtime *rt);
void descriptors_open(lua_State *L, runtime *rt);
void descriptors_put_back(runtime *rt);
void poll_open(lua_State *L, runtime *rt); /* other people's descriptors */
void polls_free(runtime *rt);

/* wait/work.c: guards of work that no connection stands for. */
void work_open(lua_State *L, runtime *rt);
void works_guard_shutdown(runtime *rt);          /* those that are held hold a new ladder too */
void works_note_held(lua_State *L, runtime *rt); /* among the process's stragglers */
/* Into the array at the top, `most` of those that are held; how many there are. */
lua_Integer works_push(lua_State *L, runtime *rt, lua_Integer most);
void works_tell_lost(runtime *rt); /* the log: those that were collected while held */
void works_free(runtime *rt);

#endif
