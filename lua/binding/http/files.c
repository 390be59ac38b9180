/* http/files.c - http.files for the usual request: a GET of a whole file whose headers are known
 * already. It is answered without Lua code; any other request is left to the Lua module.
 */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "http/file.h"
#include "http/methods.h"
#include "http/object.h"
#include "runtime/runtime.h"
#include "script/arguments.h"
#include "script/register.h"
#include "task/wait.h"

static const char FILES_TYPE[] = "lastcall.files";

enum { KNOWN_MOST = 1000 };

/* What a handler keeps. User value 1: the known files, by the path that a request has. The
 * directory is open until the end of the turn, so that the turn's requests share it. */
typedef struct files {
  lc_link in_turn; /* while the directory is open */
  const runtime *rt;
  int directory; /* -1: not open */
  int held;      /* a descriptor on its way into an object */
  unsigned count;
  char root[];
} files;

/* A file of this size, at least one byte, and time has these headers. */
typedef struct known_file {
  uint64_t size;
  lc_time modified;
  size_t lines_length;
  const char *name; /* in the directory; it lies behind the lines */
  char lines[];
} known_file;

static void shut(const files *self, int *fd)
{
  if (*fd >= 0) lc_file_close(self->rt->sys, *fd);
  *fd = -1;
}

static void shut_directory(files *self)
{
  lc_list_remove(&self->in_turn);
  shut(self, &self->directory);
}

static int files_done(lua_State *L)
{
  files *self = luaL_testudata(L, 1, FILES_TYPE);
  if (!self) return 0;
  shut_directory(self);
  shut(self, &self->held);
  return 0;
}

void http_end_turn(runtime *rt)
{
  lc_link *open = &rt->conns->directories;
  while (!lc_list_is_empty(open)) shut_directory(LC_OWNER(open->next, files, in_turn));
}

/* http_files(root) -> what the functions below take */
static int http_files(lua_State *L)
{
  const char *root = check_word(L, 1);
  size_t length = strlen(root) + 1;
  files *self = lua_newuserdatauv(L, sizeof *self + length, 1);
  *self = (files){.rt = runtime_upvalue(L), .directory = -1, .held = -1};
  lc_list_init(&self->in_turn);
  memcpy(self->root, root, length);
  luaL_setmetatable(L, FILES_TYPE);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

/* http_files_note(files, path, name, size, seconds, nanoseconds, lines): from now on the path
 * stands for this file, with these lines of headers. */
static int http_files_note(lua_State *L)
{
  files *self = check_object(L, 1, FILES_TYPE);
  size_t name_length, lines_length;
  const char *name = check_bytes(L, 3, &name_length), *lines = check_bytes(L, 7, &lines_length);
  lua_settop(L, 7);
  if (self->count >= KNOWN_MOST) {
    self->count = 0;
    lua_newtable(L);
    lua_setiuservalue(L, 1, 1);
  }
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  known_file *known = lua_newuserdatauv(L, sizeof *known + lines_length + name_length + 1, 0);
  *known = (known_file){.size = (uint64_t)lua_tointeger(L, 4),
                        .modified = lua_tointeger(L, 5) * LC_SECOND + lua_tointeger(L, 6),
                        .lines_length = lines_length,
                        .name = known->lines + lines_length};
  memcpy(known->lines, lines, lines_length);
  memcpy(known->lines + lines_length, name, name_length + 1);
  lua_rawset(L, -3);
  self->count++;
  return 0;
}

/* Whether the field is a condition, or asks for a range. */
static int is_special(const char *name, size_t length)
{
  if (length == 5) return !strncasecmp(name, "Range", 5);
  return length > 5 && !strncasecmp(name, "If-", 3);
}

static int has_set(lua_State *L, int what)
{
  int is_set = lua_getiuservalue(L, 1, what) != LUA_TNIL;
  lua_pop(L, 1);
  return is_set;
}

/* Whether it is a GET without conditions and ranges, and the script has set nothing of its
 * response, which is at 1. */
static int is_usual(lua_State *L, const http_object *self, const lc_http_head *head,
                    const char *bytes)
{
  if (head->method_known != LC_HTTP_GET || lc_http_has_begun(self->exchange)) return 0;
  for (uint32_t i = 0; i < head->count; i++)
    if (is_special(bytes + head->fields[i].name.at, head->fields[i].name.length)) return 0;
  return !has_set(L, HTTP_OF_HEADERS) && !has_set(L, HTTP_OF_STATUS);
}

/* The known file that the path stands for, or NULL. The files lie at 2, and keep it. */
static const known_file *find_known(lua_State *L, const lc_http_head *head, const char *bytes)
{
  lua_getiuservalue(L, 2, 1);
  http_push_span(L, bytes, &head->path);
  lua_rawget(L, -2);
  return lua_touserdata(L, -1);
}

/* Returns a descriptor; or -1, also when it is not the same file any more. */
static int open_known(files *self, const known_file *known)
{
  const lc_sys *sys = self->rt->sys;
  lc_file_facts facts;
  if (self->directory < 0) {
    self->directory = lc_directory_open(sys, self->root);
    if (self->directory < 0) return -1;
    lc_list_append(&self->rt->conns->directories, &self->in_turn);
  }
  int fd = lc_file_open(sys, self->directory, known->name, &facts);
  if (fd >= 0 && (facts.size != known->size || facts.modified != known->modified)) shut(self, &fd);
  return fd;
}

/* Returns how many bytes of the file are accepted without a wait. */
static uint64_t write_at_once(lua_State *L, const http_object *self, int fd, uint64_t size)
{
  conn_box *box = self->box;
  task *t = task_running(L, box->rt);
  uint64_t done = 0;
  ssize_t accepted = 1;
  if (!t || box->writer || !lc_list_is_empty(&box->waiting) || box->cut == LC_CANCELED ||
      task_ended(t))
    return 0;
  t->woken = 0;
  while (done < size && accepted > 0 && box->rt->tasks->bytes > 0) {
    accepted = lc_http_write_file(self->exchange, box->conn, fd, done, size - done);
    if (accepted > 0) {
      done += (uint64_t)accepted;
      box->rt->tasks->bytes -= accepted;
    }
  }
  return done;
}

/* Begins the reply. Returns the open file; or -1, and nothing was done. */
static int begin(files *all, const http_object *self, const known_file *known)
{
  int fd = known ? open_known(all, known) : -1;
  if (fd < 0) return -1;
  lc_http_reply reply = {.status = 200,
                         .fields = known->lines,
                         .fields_length = known->lines_length,
                         .length = (int64_t)known->size};
  if (lc_http_begin(self->exchange, self->box->conn, &reply) < 0) shut(all, &fd);
  return fd;
}

/* http_files_send(response, files) -> true: sent; false: this is not the usual request; nil: it is,
 * and the file is not known. Or nothing can wait here, or the client is slow: 0, the open file, how
 * many bytes of it are sent, and its size. */
static int http_files_send(lua_State *L)
{
  const http_object *self = http_self(L, &HTTP_RESPONSE);
  files *all = check_object(L, 2, FILES_TYPE);
  const char *bytes;
  const lc_http_head *head = lc_http_request(self->exchange, &bytes);
  shut(all, &all->held);
  if (!is_usual(L, self, head, bytes)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  const known_file *known = find_known(L, head, bytes);
  int fd = begin(all, self, known);
  if (fd < 0) return 0;
  uint64_t done = write_at_once(L, self, fd, known->size);
  if (done == known->size && !lc_http_end(self->exchange, self->box->conn, NULL, 0)) {
    shut(all, &fd);
    lua_pushboolean(L, 1);
    return 1;
  }
  all->held = fd; /* there may be no memory for the object */
  lua_pushinteger(L, 0);
  http_file_new(L, all->rt->sys)->fd = fd;
  all->held = -1;
  lua_pushinteger(L, (lua_Integer)done);
  lua_pushinteger(L, (lua_Integer)known->size);
  return 4;
}

void http_open_files(lua_State *L, runtime *rt)
{
  static const luaL_Reg functions[] = {{"http_files", http_files},
                                       {"http_files_note", http_files_note},
                                       {"http_files_send", http_files_send},
                                       {NULL, NULL}};
  lc_list_init(&rt->conns->directories);
  register_ending(L, FILES_TYPE, files_done);
  register_functions(L, rt, "", functions);
}
