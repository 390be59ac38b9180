/* script/arguments.h - checks a function's arguments, as lauxlib does. But the errors name the
 * function as the documentation does, however it was called, and have the line of the script. */
#ifndef LC_BINDING_SCRIPT_ARGUMENTS_H
#define LC_BINDING_SCRIPT_ARGUMENTS_H

#include <lua.h>

#include "lastcall.h"

/* "bad argument #1 to 'conn:read' (text)": the name is the one given to register_functions. Self is
 * not counted. */
void argument_error(lua_State *L, int argument, const char *text) __attribute__((noreturn, cold));
/* The same for a value that is not of the expected type, such as "number". */
void argument_type_error(lua_State *L, int argument, const char *expected)
  __attribute__((noreturn, cold));

static inline void check_that(lua_State *L, int holds, int argument, const char *text)
{
  if (!holds) argument_error(L, argument, text);
}

lua_Number check_number(lua_State *L, int argument);
lua_Integer check_integer(lua_State *L, int argument);
const char *check_bytes(lua_State *L, int argument, size_t *length);
const char *check_string(lua_State *L, int argument);
void check_type(lua_State *L, int argument, int type);
void check_any(lua_State *L, int argument);
void *check_object(lua_State *L, int argument, const char *type);
/* A string argument for C's comparisons: raises if it has a zero byte. */
const char *check_word(lua_State *L, int argument);
/* The index of a word in `words`; if the argument is absent, the index of `otherwise`, unless that
 * is NULL. */
int check_choice(lua_State *L, int argument, const char *otherwise, const char *const words[]);

lua_Number optional_number(lua_State *L, int argument, lua_Number otherwise);
lua_Integer optional_integer(lua_State *L, int argument, lua_Integer otherwise);
const char *optional_string(lua_State *L, int argument, const char *otherwise);
/* An optional argument in seconds: LC_NEVER when absent; raises if it is not a number. */
lc_time optional_seconds(lua_State *L, int argument);
/* Raises unless the string at `index` is an address that needs no look-up. */
int numeric_argument(lua_State *L, int index, lc_address *address);
/* An optional linger argument: seconds, or "background". Raises for any other value. */
void linger_argument(lua_State *L, int index, lc_time *linger);

#endif
