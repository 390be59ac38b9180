/* socket/object.c - the socket objects of scripts: a userdata of one of LuaSocket's classes around
 * a table, in which the modules keep the socket's state.
 *
 * Other libraries read getmetatable(object).__index.class, copy methods out of that table, and
 * recognize objects by the first letters of tostring. So a class is a metatable with a table as
 * __index, and an object changes its class by changing its metatable.
 *
 * User value 1: the table. Its fields `fd`, `stream` (a connection) and `server` are closed when
 * the object is collected; a finalizer runs no script code. Finalizers of a script may use the
 * object later, or after what is in a field was collected: then the socket is closed, as in
 * LuaSocket.
 */
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "runtime/interrupt.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/raise.h"
#include "script/register.h"
#include "server/by_hand.h"
#include "socket/blocking.h"
#include "socket/functions.h"
#include "sys/sys.h"

static const char CLASSES_KEY = 0; /* our metatables and their names, in the registry */
static const char HOOK_TYPE[] = "lastcall.hook";

static int is_object(lua_State *L, int index)
{
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &CLASSES_KEY);
  lua_insert(L, -2);
  int ours = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return ours;
}

static int object_tostring(lua_State *L)
{
  if (!is_object(L, 1)) return luaL_error(L, "not a socket");
  luaL_getmetafield(L, 1, "__name");
  lua_pushfstring(L, "%s: %p", lua_tostring(L, -1), lua_touserdata(L, 1));
  return 1;
}

/* Pushes the field's value and removes it from the table at `index`. Returns its type. */
static int take_field(lua_State *L, int index, const char *name)
{
  lua_pushstring(L, name);
  int type = lua_rawget(L, index);
  if (type == LUA_TNIL) return type;
  lua_pushstring(L, name);
  lua_pushnil(L);
  lua_rawset(L, index); /* of a field that is there: this takes no memory */
  return type;
}

static void close_stream(lua_State *L)
{
  conn_box *box = luaL_testudata(L, -1, CONN_TYPE);
  if (!box || !box->conn) return;
  const lc_settings *settings = lc_conn_settings(box->conn);
  if (lc_conn_state(box->conn) < LC_STATE_CLOSING)
    lc_conn_close(box->conn, settings->linger ? LC_LINGER_BACKGROUND : 0, "collected");
}

static int object_collect(lua_State *L)
{
  if (!is_collected(L)) return 0;
  runtime *rt = lua_touserdata(L, lua_upvalueindex(1));
  if (!is_object(L, 1) || lua_getiuservalue(L, 1, 1) != LUA_TTABLE) return 0;
  if (!rt->loop) return 0; /* the loop has closed everything */
  if (take_field(L, 2, "stream") == LUA_TUSERDATA) close_stream(L);
  server_box *server = take_field(L, 2, "server") == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
  int is_ours = server && server->server && server->handler == LUA_NOREF; /* or the ladder's */
  if (is_ours) by_hand_desert(server);
  if (take_field(L, 2, "fd") == LUA_TNUMBER && lua_tointeger(L, -1) >= 0)
    socket_sys(rt)->close(socket_sys(rt), (int)lua_tointeger(L, -1));
  return 0;
}

/* class(name, methods) -> metatable */
static int object_class(lua_State *L)
{
  runtime *rt = runtime_upvalue(L);
  check_type(L, 2, LUA_TTABLE);
  lua_createtable(L, 0, 8);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &CLASSES_KEY);
  lua_pushvalue(L, -2);
  lua_pushvalue(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, object_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushlightuserdata(L, rt);
  lua_pushcclosure(L, object_collect, 1);
  lua_setfield(L, -2, "__gc");
  return 1;
}

/* object(metatable, state) */
static int object_new(lua_State *L)
{
  check_type(L, 1, LUA_TTABLE);
  check_type(L, 2, LUA_TTABLE);
  lua_newuserdatauv(L, 0, 1);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, 1);
  lua_setmetatable(L, -2);
  return 1;
}

/* become(object, metatable) */
static int object_become(lua_State *L)
{
  check_that(L, is_object(L, 1), 1, "not a socket");
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 0;
}

/* Removes from the state at the top a connection or server that was collected before the object. */
static void drop_collected(lua_State *L)
{
  int state = lua_gettop(L);
  lua_pushliteral(L, "stream");
  const conn_box *stream = lua_rawget(L, state) == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
  if (stream && !stream->conn) take_field(L, state, "stream");
  if (!stream) {
    lua_pushliteral(L, "server");
    const server_box *server = lua_rawget(L, state) == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
    if (server && !server->server) take_field(L, state, "server");
  }
  lua_settop(L, state);
}

/* state(object) -> its table and its class's name, or nothing if it is no socket object. Every
 * method begins with it. Upvalue: the metatables and their names. */
static int object_state(lua_State *L)
{
  if (lua_type(L, 1) != LUA_TUSERDATA || !lua_getmetatable(L, 1)) return 0;
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) return 0;
  lua_getiuservalue(L, 1, 1);
  drop_collected(L);
  lua_insert(L, -2);
  return 2;
}

/* ------------------------------------------------------------------- methods -- */

/* A script calls a C function around a function of the modules. So errors have the script's line
 * and the name by which the script called the function, also in a tail call, as in LuaSocket. The
 * arguments stay in place for the error functions. Upvalues: the function, its full name, the
 * runtime. */
static int method_done(lua_State *L, int status, lua_KContext below)
{
  (void)status;
  return lua_gettop(L) - (int)below;
}

/* The same under a debugger's hook, which must see only a C function here. The hook lies below its
 * results. */
static int hidden_done(lua_State *L, int status, lua_KContext below)
{
  interrupt_give_hook(L, runtime_get(L), lua_touserdata(L, (int)below));
  if (status != LUA_OK && status != LUA_YIELD) return lua_error(L);
  return lua_gettop(L) - (int)below;
}

/* For a finalizer that is called when the loop is gone: it belongs to an object older than the
 * loop. */
static int answer_closed(lua_State *L)
{
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

static int method_call(lua_State *L)
{
  int count = lua_gettop(L), below = count;
  script_hook *hook = NULL;
  const runtime *rt = lua_touserdata(L, lua_upvalueindex(3));
  if (!rt->loop) return answer_closed(L);
  luaL_checkstack(L, count + 2, NULL);
  if (lua_gethook(L)) {
    hook = lua_newuserdatauv(L, sizeof *hook, 0);
    luaL_setmetatable(L, HOOK_TYPE);
    below++;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  for (int i = 1; i <= count; i++) lua_pushvalue(L, i);
  if (hook) {
    interrupt_take_hook(L, runtime_get(L), hook);
    return hidden_done(L, lua_pcallk(L, count, LUA_MULTRET, 0, below, hidden_done), below);
  }
  lua_callk(L, count, LUA_MULTRET, below, method_done);
  return method_done(L, LUA_OK, below);
}

/* method(function, full name or nil) */
static int object_method(lua_State *L)
{
  check_type(L, 1, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_pushlightuserdata(L, runtime_upvalue(L));
  lua_pushcclosure(L, method_call, 3);
  return 1;
}

/* Finds the call under way, and pushes its function. Returns its depth. */
static int find_call(lua_State *L, lua_Debug *call)
{
  int depth = 1;
  for (; lua_getstack(L, depth, call); depth++) {
    lua_getinfo(L, "f", call);
    if (lua_tocfunction(L, -1) == method_call) return depth;
    lua_pop(L, 1);
  }
  return luaL_error(L, "not in a method of a socket");
}

static int raise_argument(lua_State *L, int argument, const char *text)
{
  lua_Debug call;
  int depth = find_call(L, &call);
  lua_getupvalue(L, -1, 2);
  const char *name = lua_tostring(L, -1);
  lua_getinfo(L, "n", &call);
  if (call.name) name = call.name;
  else if (!name) name = "?";
  luaL_where(L, raise_level(L, depth + 1)); /* socket.bind calls other methods */
  if (*call.namewhat == 'm') argument--;    /* a method: self is not counted */
  if (!argument) lua_pushfstring(L, "calling '%s' on bad self (%s)", name, text);
  else lua_pushfstring(L, "bad argument #%d to '%s' (%s)", argument, name, text);
  lua_concat(L, 2);
  return lua_error(L);
}

/* argument_error(number, text) */
static int object_argument_error(lua_State *L)
{
  return raise_argument(L, (int)check_integer(L, 1), check_string(L, 2));
}

static const char *argument_type(lua_State *L, int argument)
{
  lua_Debug call;
  find_call(L, &call);
  if (!lua_getlocal(L, &call, argument)) return "no value";
  lua_getupvalue(L, -2, 1); /* behind the arguments lies the function, or the hook */
  if (lua_rawequal(L, -1, -2) || luaL_testudata(L, -2, HOOK_TYPE)) return "no value";
  lua_pop(L, 1);
  if (luaL_getmetafield(L, -1, "__name") == LUA_TSTRING) return lua_tostring(L, -1);
  return lua_islightuserdata(L, -1) ? "light userdata" : luaL_typename(L, -1);
}

/* type_error(number, expected) */
static int object_type_error(lua_State *L)
{
  int argument = (int)check_integer(L, 1);
  const char *got = argument_type(L, argument);
  return raise_argument(L, argument,
                        lua_pushfstring(L, "%s expected, got %s", check_string(L, 2), got));
}

/* --------------------------------------------------------------- beside objects -- */

/* For gettime, which is the time of day in LuaSocket. */
static int time_of_day(lua_State *L)
{
  const lc_sys *sys = socket_sys(runtime_upvalue(L));
  lua_pushnumber(L, lc_to_seconds(sys->time_of_day(sys)));
  return 1;
}

/* As LuaSocket does when it is loaded: a write to a peer that has left fails, without a signal. */
static int ignore_sigpipe(lua_State *L)
{
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  (void)L;
  sigaction(SIGPIPE, &ignore, NULL);
  return 0;
}

static void open_object(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"class", object_class},
                                       {"object", object_new},
                                       {"become", object_become},
                                       {"method", object_method},
                                       {"argument_error", object_argument_error},
                                       {"type_error", object_type_error},
                                       {"time_of_day", time_of_day},
                                       {"ignore_sigpipe", ignore_sigpipe},
                                       {NULL, NULL}};
  register_functions(L, rt, "", functions);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &CLASSES_KEY);
  lua_pushcclosure(L, object_state, 1);
  lua_setfield(L, -2, "state");
}

void socket_open(lua_State *L, runtime *rt)
{
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &CLASSES_KEY);
  new_type(L, HOOK_TYPE);
  lua_pop(L, 1);
  lua_newtable(L);
  open_object(L, rt);
  socket_open_waiting(L, rt);
  socket_open_stream(L, rt);
  socket_open_descriptor(L, rt);
  socket_open_options(L, rt);
  socket_open_select(L, rt);
  socket_open_dns(L, rt);
  lua_setfield(L, -2, "socket");
}
