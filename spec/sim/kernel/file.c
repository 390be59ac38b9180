/* file.c - processes, their descriptors, and what those name. */
#include "unix.h"

#include <signal.h>
#include <string.h>

enum { FIRST_DESCRIPTOR = 3 }; /* after the standard ones */

/* ------------------------------------------------------------------ files -- */

void sim_file_init(sim_file *file, sim_kind kind, sim_process *process)
{
  file->kind = kind;
  file->process = process;
  file->host = process->host;
  file->kernel = process->kernel;
}

int sim_file_install(sim_process *process, sim_file *file)
{
  for (int fd = FIRST_DESCRIPTOR; fd < process->limit; fd++) {
    if (process->files[fd]) continue;
    process->files[fd] = file;
    process->open++;
    file->references++;
    return fd;
  }
  return -EMFILE;
}

sim_file *sim_file_at(const sim_process *process, int fd)
{
  return fd >= 0 && fd < SIM_DESCRIPTORS ? process->files[fd] : NULL;
}

static void tell_of_close(sim_process *process, int fd, const sim_file *file)
{
  sim_truth truth;
  if (!process->closing || file->kind != SIM_TCP || file->references > 1) return;
  sim_truth_of(process, fd, &truth);
  process->closing(process->closing_user, fd, &truth);
}

static int is_connection(const sim_file *file)
{
  if (file->kind == SIM_TCP) return ((const sim_tcp *)file)->state != TCP_LISTEN;
  return file->kind == SIM_UNIX && ((const sim_unix *)file)->state != TCP_LISTEN;
}

/* Closing a descriptor that epoll watches. Where the file goes on, epoll tells of it for ever. */
static void note_watched(sim_process *process, int fd, const sim_file *file)
{
  int is_over = file->references == 1 && is_connection(file) && !process->has_forked;
  for (const sim_item *item = file->items; item && !is_over; item = item->next_of_file) {
    if (item->fd == fd && item->set->file.process == process) process->left_watched++;
  }
}

static void let_go(sim_process *process, int fd)
{
  sim_file *file = process->files[fd];
  tell_of_close(process, fd, file);
  process->files[fd] = NULL;
  process->open--;
  sim_file_release(file);
}

int sim_file_close(sim_process *process, int fd)
{
  const sim_file *file = sim_file_at(process, fd);
  if (!file) return -EBADF;
  note_watched(process, fd, file);
  let_go(process, fd);
  return 0;
}

void sim_file_release(sim_file *file)
{
  if (--file->references) return;
  file->changed = NULL;
  sim_items_forget(file);
  if (file->kind == SIM_TCP) sim_tcp_release((sim_tcp *)file);
  if (file->kind == SIM_UNIX) sim_unix_release((sim_unix *)file);
  if (file->kind == SIM_PIPE_READER || file->kind == SIM_PIPE_WRITER) sim_pipe_release(file);
  if (file->kind == SIM_LOCK) sim_lock_release((sim_lock *)file);
}

uint32_t sim_file_poll(const sim_file *file)
{
  switch (file->kind) {
    case SIM_TCP: return sim_tcp_poll((const sim_tcp *)file);
    case SIM_EVENT: return EPOLLOUT | (((const sim_counter *)file)->count ? EPOLLIN : 0u);
    case SIM_EPOLL: return ((const sim_epoll *)file)->first_ready ? EPOLLIN : 0;
    case SIM_NETLINK: return sim_diag_poll(file);
    case SIM_DISK: return EPOLLIN | EPOLLOUT;
    case SIM_UNIX: return sim_unix_poll((const sim_unix *)file);
    case SIM_CHILD: return sim_child_poll(file);
    case SIM_PIPE_READER:
    case SIM_PIPE_WRITER: return sim_pipe_poll(file);
    case SIM_LOCK: return 0;
  }
  return 0;
}

static void tell_of_change(void *user)
{
  sim_file *file = user;
  file->change_planned = 0;
  if (file->changed) file->changed(file->changed_user);
}

void sim_file_wake(sim_file *file, uint32_t key)
{
  for (sim_item *item = file->items; item; item = item->next_of_file)
    if (sim_item_wants(item, key)) sim_item_ready(item);
  if (!file->changed || file->change_planned) return;
  file->change_planned = 1;
  sim_at(file->kernel, file->kernel->now, tell_of_change, file);
}

/* -------------------------------------------------------------- processes -- */

sim_process *sim_process_new(sim_kernel *kernel, int host)
{
  sim_process *process = sim_take(kernel, sizeof *process);
  process->kernel = kernel;
  process->host = host;
  process->limit = SIM_DESCRIPTORS;
  process->next = kernel->processes;
  kernel->processes = process;
  sim_table_fill(process);
  return process;
}

const lc_sys *sim_process_sys(const sim_process *process) { return &process->sys; }

void sim_process_limit(sim_process *process, int descriptors)
{
  process->limit = descriptors < SIM_DESCRIPTORS ? descriptors : SIM_DESCRIPTORS;
}

void sim_process_fork(sim_process *process) { process->has_forked = 1; }

void sim_process_disorder(sim_process *process, unsigned chance) { process->disorder = chance; }

void sim_process_cost(sim_process *process, lc_time most) { process->cost = most; }

int sim_process_descriptors(const sim_process *process) { return process->open; }

int sim_process_give(sim_process *from, int fd, sim_process *to, int there)
{
  sim_file *file = sim_file_at(from, fd);
  if (!file) return -EBADF;
  to->files[there] = file;
  to->open++;
  file->references++;
  return 0;
}

void sim_process_kill(sim_process *process)
{
  if (process->turn) {
    sim_turn_end(process, (lc_subprocess_end){LC_END_SIGNAL, SIGKILL});
    return;
  }
  for (int fd = 0; fd < SIM_DESCRIPTORS; fd++)
    if (process->files[fd]) let_go(process, fd);
}

void sim_process_vanish(sim_process *process) { process->is_gone = 1; }

void sim_process_move(sim_process *process, int host) { process->host = host; }

int sim_process_deafen(sim_process *process, int fd, int on)
{
  int result;
  sim_tcp *tcp = sim_tcp_at(process, fd, &result);
  if (!tcp) return result;
  tcp->is_deaf = on;
  return 0;
}

void sim_process_notify(sim_process *process, int fd, void (*changed)(void *user), void *user)
{
  sim_file *file = sim_file_at(process, fd);
  if (!file) return;
  file->changed = changed;
  file->changed_user = user;
}

/* ------------------------------------------------------------------ truth -- */

static int waits_to_be_told(const sim_file *file)
{
  for (const sim_item *item = file->items; item; item = item->next_of_file)
    if (item->is_ready) return 1;
  return 0;
}

static uint64_t bytes_of(const sim_tcp *tcp, uint64_t sequence)
{
  return sequence > tcp->out.end ? tcp->out.end : sequence;
}

void sim_truth_of(const sim_process *process, int fd, sim_truth *truth)
{
  const sim_file *file = sim_file_at(process, fd);
  memset(truth, 0, sizeof *truth);
  if (!file || file->kind != SIM_TCP) return;
  const sim_tcp *tcp = (const sim_tcp *)file;
  truth->is_open = 1;
  truth->is_ready = sim_tcp_poll(tcp);
  truth->is_told = waits_to_be_told(file);
  truth->is_listening = tcp->state == TCP_LISTEN;
  truth->queued = tcp->queue_length;
  truth->half_open = sim_half_open(tcp);
  if (truth->is_listening) return;
  truth->is_connected = tcp->peer != NULL;
  truth->unread = tcp->received - tcp->read;
  truth->came = tcp->received;
  truth->acknowledged_at = tcp->acknowledged_at;
  truth->written = tcp->out.end;
  truth->delivered = bytes_of(tcp, tcp->acknowledged);
  truth->arrived = tcp->peer ? bytes_of(tcp, tcp->peer->received) : 0;
  truth->fin_sent = tcp->fin_wanted;
  truth->came_before_fin = tcp->fin_wanted ? tcp->received_by_then : tcp->received;
  truth->read_after_fin = tcp->fin_wanted ? tcp->read - tcp->read_by_then : 0;
  truth->fin_acknowledged = tcp->fin_wanted && tcp->acknowledged > tcp->out.end;
  truth->fin_received = tcp->fin_received;
  truth->was_reset = tcp->was_reset;
  truth->is_over = tcp->state == TCP_CLOSE;
  truth->linger_is_zero = tcp->linger.l_onoff && !tcp->linger.l_linger;
  truth->resets = tcp->state != TCP_CLOSE && (truth->unread > 0 || truth->linger_is_zero);
}

const sim_process *sim_truth_acceptor(const sim_process *process, int fd)
{
  sim_file *file = sim_file_at(process, fd);
  const sim_unix *un = sim_unix_of(file);
  if (un) return un->peer ? un->peer->file.acceptor : NULL;
  const sim_tcp *tcp = file && file->kind == SIM_TCP ? (const sim_tcp *)file : NULL;
  return tcp && tcp->peer ? tcp->peer->file.acceptor : NULL;
}

int sim_truth_was_told(const sim_process *process, int fd)
{
  const sim_file *file = sim_file_at(process, fd);
  return file && file->batch == process->kernel->batches;
}

void sim_truth_on_close(sim_process *process,
                        void (*closing)(void *user, int fd, const sim_truth *truth), void *user)
{
  process->closing = closing;
  process->closing_user = user;
}

uint64_t sim_truth_strange(const sim_process *process) { return process->strange; }
uint64_t sim_truth_left_watched(const sim_process *process) { return process->left_watched; }
