/* script/failure.c - the form of a failure for a script: nil, a code, a message. */
#include "script/failure.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "lastcall.h"

/* Escapes a peer's name, so that no byte of it looks like the end of a line of lastcall. Cuts the
 * name where the room ends. */
static void escape(const char *raw, char *text, size_t size)
{
  static const char digits[] = "0123456789abcdef";
  for (; *raw && size > 4; raw++) {
    unsigned char byte = (unsigned char)*raw;
    if (byte >= ' ' && byte != 0x7f) {
      *text++ = (char)byte;
      size--;
      continue;
    }
    const char code[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    memcpy(text, code, sizeof code);
    text += sizeof code;
    size -= sizeof code;
  }
  *text = '\0';
}

const char *address_text(const lc_address *address, char *text, size_t size)
{
  char raw[LC_ADDRESS_TEXT_MAX];
  escape(lc_address_format(address, raw, sizeof raw), text, size);
  return text;
}

const char *peer_text(const lc_conn *conn, char *text, size_t size)
{
  lc_address peer;
  lc_conn_peer(conn, &peer);
  return address_text(&peer, text, size);
}

/* Every connection's end uses this, so it uses a buffer: lua_pushfstring takes four times as
 * long. */
int push_failure_because(lua_State *L, int code, const char *peer, const char *operation,
                         const char *reason)
{
  luaL_Buffer message;
  char name[LC_ADDRESS_TEXT_MAX];
  const char *number = lc_code_errno(code);
  if (peer) escape(peer, name, sizeof name);
  const char *const parts[] = {peer ? name : NULL,
                               peer ? ": " : NULL,
                               operation,
                               ": ",
                               lc_code_text(code),
                               number ? " (" : NULL,
                               number,
                               number ? ")" : NULL,
                               reason ? ": " : NULL,
                               reason};
  lua_pushnil(L);
  lua_pushstring(L, lc_code_name(code));
  luaL_buffinit(L, &message);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i]) luaL_addstring(&message, parts[i]);
  luaL_pushresult(&message);
  return 3;
}

int push_failure(lua_State *L, int code, const char *peer, const char *operation)
{
  return push_failure_because(L, code, peer, operation, NULL);
}
