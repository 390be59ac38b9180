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
#include "conn/sockopt.h"
#include "conn/stragglers.h"
#include "conn/words.h"
#include "conn/writing.h"
#include "context/object.h"
#include "lastcall.h"
#include "process/process.h"
#include "runtime/allocator.h"
#include "runtime/calling.h"
#include "runtime/descriptors.h"
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
#include "wait/poll.h"
#include "wait/resolve.h"
#include "wait/selecting.h"
#include "wait/spot.h"
#include "wait/work.h"
#include "watch/watch.h"

#endif
