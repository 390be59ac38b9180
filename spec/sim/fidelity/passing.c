/* passing.c - steps with unix-domain sockets, and with descriptors that cross them. */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "step.h"

/* ------------------------------------------------------------------- addresses -- */

/* A path of this process alone. */
static lc_address path_address(void)
{
  lc_address address = {.of.un = {.sun_family = AF_UNIX}, .length = sizeof address.of.un};
  snprintf(address.of.un.sun_path, sizeof address.of.un.sun_path, "/tmp/lastcall-scene-%ld",
           (long)getpid());
  return address;
}

int binds_unix(scene *s, int fd)
{
  lc_address any = {.of.un = {.sun_family = AF_UNIX}, .length = sizeof(sa_family_t)};
  scene_put(s, "bind %s to any name", scene_name(s, fd));
  return scene_end(s, s->sys->bind(s->sys, fd, &any.of.any, any.length));
}

int binds_path(scene *s, int fd)
{
  lc_address path = path_address();
  scene_put(s, "bind %s to the path", scene_name(s, fd));
  return scene_end(s, s->sys->bind(s->sys, fd, &path.of.any, path.length));
}

int connects_path(scene *s, int fd)
{
  lc_address path = path_address();
  scene_put(s, "connect %s to the path", scene_name(s, fd));
  return scene_end(s, s->sys->connect(s->sys, fd, &path.of.any, path.length));
}

int unlinks_path(scene *s)
{
  lc_address path = path_address();
  scene_put(s, "unlink the path");
  return scene_end(s, s->sys->unlink(s->sys, path.of.un.sun_path));
}

int unix_listener(scene *s, const char *name, int backlog)
{
  int fd = opens(s, name, AF_UNIX);
  binds_unix(s, fd);
  listens(s, fd, backlog);
  return fd;
}

int unix_client(scene *s, const char *name, int to)
{
  int fd = opens(s, name, AF_UNIX);
  connects(s, fd, to);
  return fd;
}

void unix_pair(scene *s, int *one, int *other)
{
  int door = unix_listener(s, "door", 16);
  *one = unix_client(s, "client", door);
  *other = accepts(s, door, "server");
  closes(s, door);
}

/* ----------------------------------------------------------------- descriptors -- */

typedef union control {
  struct cmsghdr header;
  char space[CMSG_SPACE(SCENE_FDS * sizeof(int))];
} control;

ssize_t sends_with(scene *s, int fd, const char *text, int count, const int *fds)
{
  size_t size = (size_t)count * sizeof *fds;
  control beside = {
    .header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
  struct iovec piece = {(void *)(uintptr_t)text, strlen(text)};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = CMSG_SPACE(size)};
  memcpy(CMSG_DATA(&beside.header), fds, size);
  scene_put(s, "send %s \"%s\" with", scene_name(s, fd), text);
  for (int i = 0; i < count; i++) scene_put(s, " %s", scene_name(s, fds[i]));
  return scene_end(s, (int)s->sys->sendmsg(s->sys, fd, &message, 0));
}

/* They are called passed, whatever they are. */
static int note_fds(scene *s, struct msghdr *message, int *fds)
{
  const struct cmsghdr *header = message->msg_controllen ? CMSG_FIRSTHDR(message) : NULL;
  if (!header || header->cmsg_type != SCM_RIGHTS) return 0;
  int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof *fds);
  memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof *fds);
  for (int i = 0; i < count; i++) scene_remember(s, fds[i], "passed");
  return count;
}

int receives_with(scene *s, int fd, size_t most, int room, int *fds)
{
  char bytes[256];
  control beside;
  struct iovec piece = {bytes, most < sizeof bytes ? most : sizeof bytes};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = &beside,
                           .msg_controllen = room ? CMSG_LEN((size_t)room * sizeof(int)) : 0};
  scene_put(s, "recvmsg %s with room for %d", scene_name(s, fd), room);
  ssize_t got = s->sys->recvmsg(s->sys, fd, &message, 0);
  if (got < 0) {
    scene_end(s, (int)got);
    return 0;
  }
  int count = note_fds(s, &message, fds);
  notes(s, " \"%.*s\", %d descriptors%s", (int)got, bytes, count,
        message.msg_flags & MSG_CTRUNC ? ", some are lost" : "");
  scene_rest(s);
  return count;
}
