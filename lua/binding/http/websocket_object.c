/* http/websocket_object.c - WebSockets as objects: recognized, and their failures. */
#include <lauxlib.h>
#include <lua.h>

#include "http/websocket.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/failure.h"
#include "script/raise.h"

const char WEBSOCKET_TYPE[] = "lastcall.http.websocket";

websocket *websocket_of(lua_State *L, int index)
{
  websocket *self = lua_touserdata(L, index);
  int is_one = self && lua_rawlen(L, index) == sizeof *self && self->type == WEBSOCKET_TYPE;
  return is_one ? self : NULL;
}

websocket *websocket_self(lua_State *L)
{
  websocket *self = websocket_of(L, 1);
  if (!self || !self->ws)
    raise_error(L, "expected a websocket as self: call its methods with ':', as in ws:read()");
  runtime_check(L, self->box->rt);
  return self;
}

lc_ws_opcode websocket_kind(lua_State *L, int argument)
{
  static const char *const kinds[] = {"text", "binary", NULL};
  return check_choice(L, argument, "text", kinds) ? LC_WS_BINARY : LC_WS_TEXT;
}

/* ----------------------------------------------------------------- failures -- */

/* What the library's own codes do not say. NULL: they say it. */
static const char *words_for(const websocket *self, int code)
{
  lc_websocket_verdict verdict;
  lc_websocket_verdict_get(self->ws, &verdict);
  if (code == LC_WS_BAD) return lc_ws_fault_text(verdict.fault);
  if (code != LC_EOF || verdict.code != LC_WS_ABNORMAL) return NULL;
  return verdict.is_cut ? "the peer has left in the middle of a message"
                        : "the peer has left without a Close frame";
}

int websocket_failure(lua_State *L, const websocket *self, int code, const char *operation)
{
  char peer[LC_ADDRESS_TEXT_MAX];
  const char *words = words_for(self, code);
  int count = conn_failure(L, self->box, code, operation);
  if (!words) return count;
  lua_pop(L, 2);
  lua_pushstring(L, code == LC_WS_BAD ? "invalid" : lc_code_name(code));
  lua_pushfstring(L, "%s: %s: %s", peer_text(self->box->conn, peer, sizeof peer), operation, words);
  return 3;
}
