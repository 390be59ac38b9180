/* script/raise.h - errors for misuse, at the line of the script that made the mistake. */
#ifndef LC_BINDING_SCRIPT_RAISE_H
#define LC_BINDING_SCRIPT_RAISE_H

#include <lua.h>

/* Like luaL_error, but with the line of the calling script: it skips C functions and functions of
 * our own modules, whose files begin with the prefix given to raise_set_home. */
void raise_error(lua_State *L, const char *format, ...) __attribute__((noreturn, cold));
/* The first level of the stack from this one on that is not a function of our modules. */
int raise_level(lua_State *L, int level);
/* The innermost frame of the script in `co`, from a level on, with its line; 0 when there is none.
 * Allocates nothing; `L`, which may be another one, has room for a value. */
int find_script_frame(lua_State *L, lua_State *co, int level, lua_Debug *frame);
/* "file:line" of the innermost frame of the script in `co`, from a level on [0, +1]; or 0, and
 * nothing. */
int push_script_place(lua_State *L, lua_State *co, int level);
/* Sets the prefix of our own modules' sources: the string at the top. [-1, 0] */
void raise_set_home(lua_State *L);

#endif
