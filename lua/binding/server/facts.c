/* server/facts.c - the numbers of a server's report, as a table. The Lua modules make sentences of
 * it. */
#include "server/facts.h"

#include <lua.h>

#include "server/box.h"
#include "server/http.h"
#include "server/late.h"

static void set_seconds(lua_State *L, const char *name, lc_time time)
{
  lua_pushnumber(L, lc_to_seconds(time));
  lua_setfield(L, -2, name);
}

static void push_steps(lua_State *L, const lc_report *report)
{
  lua_newtable(L);
  for (int step = LC_STEP_UNREADY; step < LC_STEPS; step++)
    if (report->step_at[step]) set_seconds(L, lc_step_name((lc_step)step), report->step_at[step]);
}

static void push_listeners(lua_State *L, const lc_server *server)
{
  char text[LC_ADDRESS_TEXT_MAX];
  lc_listener_report listener;
  lua_newtable(L);
  for (unsigned i = 0; lc_server_listener_report(server, i, &listener) == 0; i++) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, lc_address_format(&listener.address, text, sizeof text));
    lua_setfield(L, -2, "address");
    lua_pushstring(L, listener.method);
    lua_setfield(L, -2, "method");
    lua_pushboolean(L, listener.lossless);
    lua_setfield(L, -2, "lossless");
    lua_pushboolean(L, listener.is_unknown);
    lua_setfield(L, -2, "unknown");
    lua_pushboolean(L, listener.is_closed);
    lua_setfield(L, -2, "closed");
    set_seconds(L, "settled", listener.settled);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* server_facts(server) -> {counts..., lossless, deadline, steps, listeners, tasks_canceled,
 * tasks_left, stragglers}; steps by the clock of now(). */
int server_facts(lua_State *L)
{
  server_box *box = server_check(L, 1);
  const lc_report *report = lc_server_report(box->server);
  uint64_t served, failed, in_flight;
  http_services_count(box, &served, &failed, &in_flight);
  const struct {
    const char *name;
    uint64_t value;
  } counts[] = {{"accepted", report->accepted},
                {"accepted_while_stopping", report->accepted_while_stopping},
                {"finished", report->finished},
                {"closed_idle", report->closed_idle},
                {"canceled", report->canceled},
                {"killed", report->killed},
                {"reset_by_us", report->reset_by_us},
                {"reset_by_peer", report->reset_by_peer},
                {"undelivered_bytes", report->undelivered_bytes},
                {"failed_flushes", report->failed_flushes},
                {"detached", report->detached},
                {"handshakes", report->handshakes},
                {"handshakes_failed", report->handshakes_failed},
                {"held_back", report->held_back},
                {"stopped_earlier", report->stopped_earlier},
                {"late", report->late},
                {"late_before", report->late_before},
                {"requests", served},
                {"replies_5xx", failed},
                {"in_flight", in_flight},
                {"resets_at_rest", report->resets_at_rest},
                {"received", report->received},
                {"sent", report->sent}};
  lua_createtable(L, 0, 28);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    lua_pushinteger(L, (lua_Integer)counts[i].value);
    lua_setfield(L, -2, counts[i].name);
  }
  lua_pushboolean(L, report->lossless);
  lua_setfield(L, -2, "lossless");
  if (lc_server_deadline(box->server) != LC_NEVER)
    set_seconds(L, "deadline", lc_server_deadline(box->server));
  push_steps(L, report);
  lua_setfield(L, -2, "steps");
  push_listeners(L, box->server);
  lua_setfield(L, -2, "listeners");
  late_push(L, box);
  lua_setfield(L, -2, "late_peers");
  stragglers_set_facts(L, box->rt, box->stragglers);
  return 1;
}

enum { LOOKED_AT = 1024 };

/* server_moved(server) -> received and sent bytes, as a measure of progress. Of many connections it
 * looks at some: there the number of connections tells. */
int server_moved(lua_State *L)
{
  const lc_server *server = server_check(L, 1)->server;
  const lc_report *report = lc_server_report(server);
  uint64_t moved = report->received + report->sent;
  const lc_conn *conn = lc_server_next(server, NULL);
  for (int i = 0; conn && i < LOOKED_AT; i++, conn = lc_server_next(server, conn)) {
    lc_conn_stats stats;
    lc_conn_stats_get(conn, &stats);
    moved += stats.received + stats.sent;
  }
  lua_pushinteger(L, (lua_Integer)moved);
  return 1;
}
