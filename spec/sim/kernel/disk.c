/* disk.c - files whose bytes are made when they are read, and files with a name, whose bytes do
 * not count. */
#include "inside.h"

#include <string.h>

int sim_disk_open(sim_process *process, uint64_t size, sim_fill *fill, void *user)
{
  sim_disk *disk = sim_take(process->kernel, sizeof *disk);
  sim_file_init(&disk->file, SIM_DISK, process);
  disk->size = size;
  disk->fill = fill;
  disk->user = user;
  return sim_file_install(process, &disk->file);
}

struct sim_named {
  struct sim_named *next;
  const char *path;
  uint64_t size;
  lc_time modified;
};

static struct sim_named *named(const sim_kernel *kernel, const char *path)
{
  struct sim_named *one = kernel->named;
  while (one && strcmp(one->path, path) != 0) one = one->next;
  return one;
}

void sim_disk_put(sim_kernel *kernel, const char *path, uint64_t size, lc_time modified)
{
  struct sim_named *one = named(kernel, path);
  if (!one) {
    one = sim_take(kernel, sizeof *one);
    one->next = kernel->named;
    kernel->named = one;
  }
  one->path = path;
  one->size = size;
  one->modified = modified;
}

static void fill_with_nothing(void *user, uint64_t offset, char *bytes, size_t size)
{
  (void)user, (void)offset;
  memset(bytes, 0, size);
}

int sim_open_file(sim_process *process, const char *path)
{
  const struct sim_named *one = named(process->kernel, path);
  int fd = one ? sim_disk_open(process, one->size, fill_with_nothing, NULL) : -ENOENT;
  if (fd >= 0) ((sim_disk *)sim_file_at(process, fd))->modified = one->modified;
  return fd;
}

static sim_disk *disk_at(const sim_process *process, int fd)
{
  sim_file *file = sim_file_at(process, fd);
  return file && file->kind == SIM_DISK ? (sim_disk *)file : NULL;
}

int sim_file_facts(sim_process *process, int fd, lc_file_facts *facts)
{
  const sim_disk *disk = disk_at(process, fd);
  memset(facts, 0, sizeof *facts);
  if (!disk) return sim_file_at(process, fd) ? 0 : -EBADF;
  facts->size = disk->size;
  facts->is_regular = 1;
  facts->modified = disk->modified;
  return 0;
}

ssize_t sim_read_at(sim_process *process, int fd, void *buffer, size_t size, uint64_t offset)
{
  const sim_disk *disk = disk_at(process, fd);
  if (!disk) return sim_file_at(process, fd) ? -ESPIPE : -EBADF;
  if (offset >= disk->size) return 0;
  if (size > disk->size - offset) size = (size_t)(disk->size - offset);
  disk->fill(disk->user, offset, buffer, size);
  return (ssize_t)size;
}

/* As Linux does: what has been sent counts, whatever happens then. */
ssize_t sim_send_file(sim_process *process, int fd, int from, uint64_t offset, size_t size)
{
  char page[4096];
  size_t done = 0;
  while (done < size) {
    size_t most = size - done < sizeof page ? size - done : sizeof page;
    ssize_t got = sim_read_at(process, from, page, most, offset + done);
    if (got <= 0) return done ? (ssize_t)done : got;
    struct iovec piece = {page, (size_t)got};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent = sim_sendmsg(process, fd, &message);
    if (sent < 0) return done ? (ssize_t)done : sent;
    done += (size_t)sent;
    if (sent < got) break;
  }
  return (ssize_t)done;
}
