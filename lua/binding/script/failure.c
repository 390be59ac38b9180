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

/* Only the name of a unix-domain socket is its peer's own words. */
const char *address_text(const lc_address *address, char *text, size_t size)
{
  char raw[LC_ADDRESS_TEXT_MAX];
  if (address->of.any.sa_family != AF_UNIX && size >= LC_ADDRESS_TEXT_MAX)
    return lc_address_format(address, text, size);
  escape(lc_address_format(address, raw, sizeof raw), text, size);
  return text;
}

const char *peer_text(const lc_conn *conn, char *text, size_t size)
{
  lc_address peer;
  lc_conn_peer(conn, &peer);
  return address_text(&peer, text, size);
}

/* Every connection's end uses this, so it puts the message together in one piece: lua_pushfstring
 * takes four times as long. */
static int push_parts(lua_State *L, int code, const char *peer, const char *operation,
                      const char *reason)
{
  enum { PARTS = 10 };
  luaL_Buffer message;
  const char *number = lc_code_errno(code);
  const char *const parts[PARTS] = {peer,   peer ? ": " : NULL,  operation,
                                    ": ",   lc_code_text(code),  number ? " (" : NULL,
                                    number, number ? ")" : NULL, reason ? ": " : NULL,
                                    reason};
  size_t lengths[PARTS], total = 0;
  for (int i = 0; i < PARTS; i++) total += lengths[i] = parts[i] ? strlen(parts[i]) : 0;
  lua_pushnil(L);
  lua_pushstring(L, lc_code_name(code));
  char *to = luaL_buffinitsize(L, &message, total);
  for (int i = 0; i < PARTS; to += lengths[i], i++)
    if (lengths[i]) memcpy(to, parts[i], lengths[i]);
  luaL_pushresultsize(&message, total);
  return 3;
}

int push_failure_because(lua_State *L, int code, const char *peer, const char *operation,
                         const char *reason)
{
  char name[LC_ADDRESS_TEXT_MAX];
  if (peer) escape(peer, name, sizeof name);
  return push_parts(L, code, peer ? name : NULL, operation, reason);
}

int push_failure(lua_State *L, int code, const char *peer, const char *operation)
{
  return push_failure_because(L, code, peer, operation, NULL);
}

int push_conn_failure(lua_State *L, int code, const lc_conn *conn, const char *operation,
                      const char *reason)
{
  char text[LC_ADDRESS_TEXT_MAX];
  return push_parts(L, code, peer_text(conn, text, sizeof text), operation, reason);
}
