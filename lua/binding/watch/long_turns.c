/* watch/long_turns.c - logs the tasks and callbacks that took long in a turn, and where they are in
 * the script.
 *
 * The watchdog reports one piece of work that holds the loop longer than max_block. This file
 * reports a turn that takes longer although none of its pieces does.
 */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "runtime/report.h"
#include "runtime/runtime.h"
#include "script/failure.h"
#include "task/task.h"
#include "task/traceback.h"
#include "watch/watch.h"

enum { TOLD = 5 };

/* A piece of work that took less than this part of the turn is not listed. */
#define WORTH 100

/* ------------------------------------------------------------------ describing -- */

static void say_line(lc_part *part, const lua_Debug *frame, int line)
{
  if (line > 0) snprintf(part->text, sizeof part->text, "%s:%d", frame->short_src, line);
}

/* Pops the function at the top, and says where it begins. */
static void say_beginning(lua_State *L, lc_part *part)
{
  lua_Debug frame;
  if (!lua_isfunction(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  lua_getinfo(L, ">S", &frame);
  say_line(part, &frame, frame.linedefined);
}

/* Pushes the function of an ended task: a handler is its server's; any other lies below the results
 * (task_body). [0, 0 or +1] */
static int push_function(const task *t)
{
  if (t->is_handler) runtime_push_anchored(t->co, t->rt, t->by->of_server->handler);
  else if (lua_gettop(t->co)) lua_pushvalue(t->co, 1);
  else return 0;
  return 1;
}

/* Where the task is; or, if it has ended, where its function begins. */
static void say_place(runtime *rt, const task *t, lc_part *part)
{
  lua_Debug frame;
  if (task_script_frame(rt->L, t, &frame)) {
    say_line(part, &frame, frame.currentline);
  } else if (lua_checkstack(t->co, 2) && push_function(t)) {
    say_beginning(t->co, part);
  }
}

static void say_task(const task *t, lc_part *part)
{
  char peer[LC_ADDRESS_TEXT_MAX];
  size_t length = strlen(part->text);
  char *end = part->text + length;
  size_t room = sizeof part->text - length;
  const char *before = length ? ", " : "";
  const lc_conn *conn = owner_conn(t->by);
  if (!conn) {
    snprintf(end, room, "%stask %llu", before, (unsigned long long)t->id);
    return;
  }
  snprintf(end, room, "%stask %llu of connection %llu from %s", before, (unsigned long long)t->id,
           (unsigned long long)lc_conn_id(conn), peer_text(conn, peer, sizeof peer));
}

static void describe(lc_part *part, void *user)
{
  runtime *rt = user;
  if (rt->current) {
    part->kind = "task";
    part->id = rt->current->id;
    say_place(rt, rt->current, part);
    say_task(rt->current, part);
  } else if (rt->turn.called) {
    part->kind = "callback";
    if (rt->turn.anchor == LUA_NOREF) lua_pushvalue(rt->turn.called, -1);
    else runtime_push_anchored(rt->turn.called, rt, rt->turn.anchor);
    part->id = (uint64_t)(uintptr_t)lua_topointer(rt->turn.called, -1);
    say_beginning(rt->turn.called, part);
  }
}

/* --------------------------------------------------------------------- telling -- */

typedef struct long_turn {
  runtime *rt;
  lc_time took;
  const lc_part *parts;
  unsigned count;
} long_turn;

static void add_part(luaL_Buffer *text, const lc_part *part, int is_first)
{
  char said[sizeof part->text + 80];
  int length = snprintf(said, sizeof said, "%s%s %.3f s", is_first ? "" : "; ", part->kind,
                        lc_to_seconds(part->took));
  if (part->text[0])
    length += snprintf(said + length, sizeof said - (size_t)length, " at %.*s",
                       (int)sizeof part->text, part->text);
  luaL_addlstring(text, said, (size_t)length);
}

/* The same event as for one long piece of work, with `parts` in place of its traceback. */
static int tell(lua_State *L)
{
  const long_turn *turn = lua_touserdata(L, 1);
  luaL_Buffer text;
  lua_settop(L, 0);
  lua_pushliteral(L, "warning");
  lua_pushliteral(L, "loop blocked");
  lua_createtable(L, 0, 2);
  lua_pushnumber(L, lc_to_seconds(turn->took));
  lua_setfield(L, -2, "seconds");
  luaL_buffinit(L, &text);
  for (unsigned i = 0; i < turn->count && i < TOLD; i++)
    if (turn->parts[i].took >= turn->took / WORTH) add_part(&text, &turn->parts[i], i == 0);
  luaL_pushresult(&text);
  lua_setfield(L, -2, "parts");
  report_log(L, turn->rt, NULL);
  return 0;
}

static void held(lc_time took, const lc_part *parts, unsigned count, void *user)
{
  long_turn turn = {user, took, parts, count};
  runtime_protect(turn.rt, tell, &turn);
}

void long_turns_watch(runtime *rt, lc_time bound)
{
  static const lc_turn_events events = {.describe = describe, .held = held};
  lc_loop_watch_turns(rt->loop, bound, &events, rt);
}
