/* server/http.c - servers whose connections speak HTTP. */
#include "server/http.h"

#include <lauxlib.h>
#include <lua.h>

#include "script/options.h"
#include "script/raise.h"

/* Longer than the 60 s after which balancers usually close, so that they do it first. */
#define KEEPALIVE_TIMEOUT (75 * LC_SECOND)

/* The path stays on the stack, because the options refer to it [0, +1]. */
static void take_options(lua_State *L, int index, lc_http_options *options)
{
  lc_http_options_init(options);
  options->head_timeout = option_time(L, index, "head_timeout", options->head_timeout);
  options->body_timeout = option_time(L, index, "body_timeout", options->body_timeout);
  options->body_rate = (uint32_t)option_integer(L, index, "body_rate", options->body_rate);
  options->max_body =
    (uint64_t)option_integer(L, index, "max_body", (lua_Integer)options->max_body);
  options->max_head = (uint32_t)option_integer(L, index, "max_head", options->max_head);
  options->max_fields = (uint32_t)option_integer(L, index, "max_fields", options->max_fields);
  options->max_in_flight =
    (uint32_t)option_integer(L, index, "max_in_flight", options->max_in_flight);
  lua_getfield(L, index, "ready");
  options->ready_path = lua_tostring(L, -1);
}

void server_speak_http(lua_State *L, server_box *box, int index)
{
  lc_http_options options;
  take_options(L, index, &options);
  if (!box->http) box->http = lc_http_service_new(&options);
  if (!box->http) luaL_error(L, "not enough memory for a server");
  lua_pop(L, 1);
  lc_settings settings = lc_server_options_get(box->server)->settings;
  if (settings.idle_timeout == LC_NEVER)
    settings.idle_timeout = option_time(L, index, "keepalive_timeout", KEEPALIVE_TIMEOUT);
  if (lc_server_set_protocol(box->server, lc_http_service_protocol(box->http), &settings) < 0)
    raise_error(L,
                "server:serve: the server has connections already, and cannot begin to speak HTTP");
  box->starts_with_data = 1;
}
