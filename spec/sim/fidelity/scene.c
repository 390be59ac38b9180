/* scene.c - how a scene is written down, and played. */
#include "scene.h"
#include "base/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "step.h"

static void write_text(scene *s, const char *format, va_list arguments)
{
  int size = vsnprintf(s->text + s->length, SCENE_TEXT - s->length, format, arguments);
  if (size > 0) s->length += (size_t)size;
  if (s->length >= SCENE_TEXT) s->length = SCENE_TEXT - 1;
}

void scene_put(scene *s, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  write_text(s, format, arguments);
  va_end(arguments);
}

void notes(scene *s, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  write_text(s, format, arguments);
  va_end(arguments);
  scene_put(s, "\n");
}

const char *scene_name(const scene *s, int fd)
{
  const char *name = fd >= 0 && fd < SCENE_NAMES ? s->names[fd] : NULL;
  return name ? name : "nothing";
}

const char *scene_code(ssize_t code)
{
  const lc_error *error = lc_error_find((int)-code);
  return error ? error->name : "an unknown code";
}

/* The line's end: a failure by its name, else the result. */
static void put_result(scene *s, ssize_t result)
{
  if (result < 0) scene_put(s, " = %s\n", scene_code(result));
  else scene_put(s, " = %zd\n", result);
}

void scene_put_events(scene *s, uint32_t events)
{
  static const struct {
    uint32_t bit;
    const char *name;
  } NAMES[] = {{EPOLLIN, "IN"},   {EPOLLOUT, "OUT"},        {EPOLLRDHUP, "RDHUP"},
               {EPOLLPRI, "PRI"}, {EPOLLERR, "ERR"},        {EPOLLHUP, "HUP"},
               {EPOLLET, "ET"},   {EPOLLONESHOT, "ONESHOT"}};
  const char *between = "";
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    if (!(events & NAMES[i].bit)) continue;
    scene_put(s, "%s%s", between, NAMES[i].name);
    between = "|";
  }
  if (!*between) scene_put(s, "no event");
}

/* The network comes to rest. */
void scene_rest(scene *s)
{
  if (s->on->rest > 0) s->sys->poll(s->sys, NULL, 0, s->on->rest);
}

int scene_end(scene *s, int result)
{
  put_result(s, result);
  scene_rest(s);
  return result;
}

void scene_remember(scene *s, int fd, const char *name)
{
  if (fd < 0 || fd >= SCENE_NAMES) return;
  s->names[fd] = name;
  s->is_open[fd] = 1;
}

int scene_close(scene *s, int fd)
{
  if (fd >= 0 && fd < SCENE_NAMES) s->is_open[fd] = 0;
  return s->sys->close(s->sys, fd);
}

/* A call that gives a descriptor. */
int scene_opened(scene *s, int fd, const char *name)
{
  if (fd < 0) return scene_end(s, fd);
  scene_remember(s, fd, name);
  scene_put(s, " = %s\n", name);
  scene_rest(s);
  return fd;
}

void scene_play(scene *s, const stage *on, const scene_entry *entry)
{
  *s = (scene){.on = on, .sys = on->sys};
  int before = s->sys->descriptors_open(s->sys);
  s->epoll = s->sys->poller_create(s->sys);
  scene_remember(s, s->epoll, "epoll");
  begins(s);
  entry->play(s);
  for (int fd = 0; fd < SCENE_NAMES; fd++)
    if (s->is_open[fd]) s->sys->close(s->sys, fd);
  int left = s->sys->descriptors_open(s->sys) - before;
  if (left) notes(s, "descriptors left: %d", left);
}
