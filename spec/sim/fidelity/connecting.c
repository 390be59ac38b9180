/* connecting.c - steps by which sockets come about, are connected, and end. */
#include "step.h"

int opens(scene *s, const char *name, int family)
{
  scene_put(s, "socket");
  return scene_opened(s, s->sys->socket(s->sys, family, SOCK_STREAM, 0), name);
}

/* Any port of this host. */
static lc_address here(const scene *s)
{
  in_addr_t host = s->on->is_apart ? SCENE_NEAR : INADDR_LOOPBACK;
  return (lc_address){.of.in = {.sin_family = AF_INET, .sin_addr = {htonl(host)}},
                      .length = sizeof(struct sockaddr_in)};
}

lc_address scene_address(const scene *s, int fd)
{
  lc_address address = {.length = sizeof address.of};
  if (s->sys->getsockname(s->sys, fd, &address.of.any, &address.length) < 0) address = here(s);
  return address;
}

int binds(scene *s, int fd)
{
  lc_address address = here(s);
  scene_put(s, "bind %s", scene_name(s, fd));
  return scene_end(s, s->sys->bind(s->sys, fd, &address.of.any, address.length));
}

int binds_beside(scene *s, int fd, int other)
{
  lc_address address = scene_address(s, other);
  scene_put(s, "bind %s to the address of %s", scene_name(s, fd), scene_name(s, other));
  return scene_end(s, s->sys->bind(s->sys, fd, &address.of.any, address.length));
}

int listens(scene *s, int fd, int backlog)
{
  scene_put(s, "listen %s %d", scene_name(s, fd), backlog);
  return scene_end(s, s->sys->listen(s->sys, fd, backlog));
}

/* Steps that set a scene are written down only when they fail. */
static int set_up(scene *s, const char *name, int result)
{
  if (result < 0) notes(s, "%s could not be set up: %s", name, scene_code(result));
  return result;
}

static int named(scene *s, const char *name, int fd)
{
  scene_remember(s, fd, name);
  return set_up(s, name, fd);
}

int listener(scene *s, const char *name, int backlog)
{
  lc_address address = here(s);
  int fd = named(s, name, s->sys->socket(s->sys, AF_INET, SOCK_STREAM, 0));
  set_up(s, name, s->sys->bind(s->sys, fd, &address.of.any, address.length));
  set_up(s, name, s->sys->listen(s->sys, fd, backlog));
  return fd;
}

int accepts(scene *s, int fd, const char *name)
{
  scene_put(s, "accept %s", scene_name(s, fd));
  return scene_opened(s, s->sys->accept(s->sys, fd, NULL, NULL), name);
}

static int begin_connect(scene *s, int fd, int to)
{
  lc_address address = scene_address(s, to);
  return s->sys->connect(s->sys, fd, &address.of.any, address.length);
}

int connects(scene *s, int fd, int to)
{
  scene_put(s, "connect %s to %s", scene_name(s, fd), scene_name(s, to));
  return scene_end(s, begin_connect(s, fd, to));
}

int client(scene *s, const char *name, int to)
{
  int fd = named(s, name, s->sys->socket(s->sys, AF_INET, SOCK_STREAM, 0));
  int result = begin_connect(s, fd, to);
  if (result != -EINPROGRESS) set_up(s, name, result);
  scene_rest(s);
  return fd;
}

void pair(scene *s, int *one, int *other)
{
  int door = listener(s, "door", 16);
  *one = client(s, "client", door);
  *other = named(s, "server", s->sys->accept(s->sys, door, NULL, NULL));
  scene_close(s, door);
  scene_rest(s);
}

int shuts(scene *s, int fd, int how)
{
  static const char *const HOW[] = {"SHUT_RD", "SHUT_WR", "SHUT_RDWR"};
  scene_put(s, "shutdown %s %s", scene_name(s, fd), HOW[how]);
  return scene_end(s, s->sys->shutdown(s->sys, fd, how));
}

int closes(scene *s, int fd)
{
  scene_put(s, "close %s", scene_name(s, fd));
  return scene_end(s, scene_close(s, fd));
}

int resets(scene *s, int fd)
{
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  scene_put(s, "reset %s", scene_name(s, fd));
  int result = s->sys->setsockopt(s->sys, fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  return scene_end(s, result < 0 ? result : scene_close(s, fd));
}

int duplicates(scene *s, int fd, const char *name)
{
  scene_put(s, "duplicate %s", scene_name(s, fd));
  return scene_opened(s, s->sys->duplicate(s->sys, fd), name);
}
