/* http/file.h - open files, as the Lua modules have them. */
#ifndef LC_BINDING_HTTP_FILE_H
#define LC_BINDING_HTTP_FILE_H

#include <lua.h>

#include "lastcall.h"

/* An open file or directory. User value 1: the script's own file, whose descriptor it is. */
typedef struct file_box {
  const lc_sys *sys;
  int fd; /* -1: closed */
  int is_borrowed;
} file_box;

file_box *http_file_new(lua_State *L, const lc_sys *sys); /* pushes a closed one [0, +1] */

#endif
