/* pipe.c - pipes: as much as 64 KiB on their way from one end to the other. */
#include "base/list.h"
#include "inside.h"

#include <string.h>

enum { CAPACITY = 65536, ATOMIC = 4096 };

struct sim_pipe {
  sim_file reader, writer;
  uint64_t written, taken;
  char bytes[CAPACITY];
};

static sim_pipe *pipe_of(const sim_file *file)
{
  if (file->kind == SIM_PIPE_READER) return LC_OWNER(file, sim_pipe, reader);
  return LC_OWNER(file, sim_pipe, writer);
}

static int is_pipe(const sim_file *file)
{
  return file && (file->kind == SIM_PIPE_READER || file->kind == SIM_PIPE_WRITER);
}

static size_t held(const sim_pipe *pipe) { return (size_t)(pipe->written - pipe->taken); }

int sim_pipe_open(sim_process *process, int *fds)
{
  sim_pipe *pipe = sim_take(process->kernel, sizeof *pipe);
  sim_file_init(&pipe->reader, SIM_PIPE_READER, process);
  sim_file_init(&pipe->writer, SIM_PIPE_WRITER, process);
  fds[0] = sim_file_install(process, &pipe->reader);
  if (fds[0] < 0) return fds[0];
  fds[1] = sim_file_install(process, &pipe->writer);
  if (fds[1] >= 0) return 0;
  sim_file_close(process, fds[0]);
  return fds[1];
}

uint32_t sim_pipe_poll(const sim_file *file)
{
  const sim_pipe *pipe = pipe_of(file);
  if (file->kind == SIM_PIPE_READER)
    return (held(pipe) ? EPOLLIN : 0u) | (pipe->writer.references ? 0u : EPOLLHUP);
  return (held(pipe) < CAPACITY ? EPOLLOUT : 0u) | (pipe->reader.references ? 0u : EPOLLERR);
}

void sim_pipe_release(sim_file *file)
{
  sim_pipe *pipe = pipe_of(file);
  sim_file_wake(file->kind == SIM_PIPE_READER ? &pipe->writer : &pipe->reader, 0);
}

int sim_pipe_unread(const sim_file *file)
{
  return is_pipe(file) ? (int)held(pipe_of(file)) : -ENOTTY;
}

ssize_t sim_read(sim_process *process, int fd, void *buffer, size_t size)
{
  sim_file *file = sim_file_at(process, fd);
  if (!file) return -EBADF;
  if (file->kind != SIM_PIPE_READER) return is_pipe(file) ? -EBADF : -EINVAL;
  sim_pipe *pipe = pipe_of(file);
  size_t most = held(pipe), was = most;
  if (!most) return pipe->writer.references ? -EAGAIN : 0;
  if (size > most) size = most;
  for (size_t i = 0; i < size; i++) ((char *)buffer)[i] = pipe->bytes[(pipe->taken + i) % CAPACITY];
  pipe->taken += size;
  if (was == CAPACITY) sim_file_wake(&pipe->writer, EPOLLOUT); /* no event tells that it is empty */
  return (ssize_t)size;
}

static size_t put(sim_pipe *pipe, const struct iovec *piece, size_t room)
{
  size_t size = piece->iov_len < room ? piece->iov_len : room;
  for (size_t i = 0; i < size; i++)
    pipe->bytes[(pipe->written + i) % CAPACITY] = ((const char *)piece->iov_base)[i];
  pipe->written += size;
  return size;
}

ssize_t sim_write(sim_process *process, int fd, const struct iovec *pieces, int count)
{
  sim_file *file = sim_file_at(process, fd);
  size_t total = 0, done = 0;
  if (!file) return -EBADF;
  if (file->kind != SIM_PIPE_WRITER) return is_pipe(file) ? -EBADF : -EINVAL;
  sim_pipe *pipe = pipe_of(file);
  if (!pipe->reader.references) return -EPIPE;
  for (int i = 0; i < count; i++) total += pieces[i].iov_len;
  size_t room = CAPACITY - held(pipe);
  if (total && room < (total < ATOMIC ? total : 1)) return -EAGAIN;
  for (int i = 0; i < count; i++) done += put(pipe, &pieces[i], room - done);
  if (done) sim_file_wake(&pipe->reader, EPOLLIN);
  return (ssize_t)done;
}

/* Where there is no pipe, what is said is not heard. */
ssize_t sim_say(sim_process *process, int fd, const char *text, size_t size)
{
  const sim_file *file = sim_file_at(process, fd);
  struct iovec piece = {(void *)(uintptr_t)text, size};
  return file && file->kind == SIM_PIPE_WRITER ? sim_write(process, fd, &piece, 1) : (ssize_t)size;
}

/* Every other descriptor is a socket, or the library's own. */
int sim_descriptor_facts(sim_process *process, int fd, lc_descriptor_facts *facts)
{
  const sim_file *file = sim_file_at(process, fd);
  if (!file) return -EBADF;
  *facts = (lc_descriptor_facts){LC_DESCRIPTOR_SOCKET, 1, 1, 1};
  if (!is_pipe(file)) return 0;
  facts->kind = LC_DESCRIPTOR_PIPE;
  facts->can_read = file->kind == SIM_PIPE_READER;
  facts->can_write = !facts->can_read;
  return 0;
}
