/* wait.c - epoll, poll, and the descriptors that wake.
 *
 * As Linux does it: an event of a file puts those registrations of the file that
 * asked for such an event into the lists of their sets. epoll_wait then asks each
 * file in the list for its present state. So what it reports may be less than what
 * happened, or more, and several events may become one. An edge-triggered
 * registration leaves the list when it is reported, the others stay.
 */
#include "inside.h"

#define ALWAYS (EPOLLERR | EPOLLHUP)
#define SETTINGS (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | (1u << 29) /* EPOLLWAKEUP */)

/* -------------------------------------------------------------- the lists -- */

void sim_item_ready(sim_item *item)
{
  sim_epoll *set = item->set;
  if (item->is_ready) return;
  item->is_ready = 1;
  item->next_ready = NULL;
  item->previous_ready = set->last_ready;
  if (set->last_ready) set->last_ready->next_ready = item;
  else set->first_ready = item;
  set->last_ready = item;
  sim_file_wake(&set->file, EPOLLIN);
}

static void unready(sim_item *item)
{
  sim_epoll *set = item->set;
  if (!item->is_ready) return;
  item->is_ready = 0;
  if (item->previous_ready) item->previous_ready->next_ready = item->next_ready;
  else set->first_ready = item->next_ready;
  if (item->next_ready) item->next_ready->previous_ready = item->previous_ready;
  else set->last_ready = item->previous_ready;
}

int sim_item_wants(const sim_item *item, uint32_t key)
{
  uint32_t wants = item->wants.events & ~SETTINGS; /* none: it was told once, and no more */
  return key ? (wants & key) != 0 : wants != 0;
}

static uint32_t wanted_now(const sim_item *item)
{
  return sim_file_poll(item->file) & item->wants.events & ~SETTINGS;
}

static void join(sim_item *item)
{
  sim_epoll *set = item->set;
  item->next_of_set = set->items;
  if (set->items) set->items->previous_of_set = item;
  set->items = item;
}

static void leave(sim_item *item)
{
  unready(item);
  if (item->previous_of_set) item->previous_of_set->next_of_set = item->next_of_set;
  else item->set->items = item->next_of_set;
  if (item->next_of_set) item->next_of_set->previous_of_set = item->previous_of_set;
}

int sim_items_forget(sim_file *file)
{
  int count = 0;
  while (file->items) {
    sim_item *item = file->items;
    leave(item);
    file->items = item->next_of_file;
    sim_give(file->kernel, item, sizeof *item);
    count++;
  }
  return count;
}

/* ------------------------------------------------------------------ epoll -- */

int sim_epoll_create(sim_process *process)
{
  sim_epoll *set = sim_take(process->kernel, sizeof *set);
  sim_file_init(&set->file, SIM_EPOLL, process);
  return sim_file_install(process, &set->file);
}

static sim_item **place_of(const sim_epoll *set, sim_file *file, int fd)
{
  sim_item **place = &file->items;
  while (*place && ((*place)->set != set || (*place)->fd != fd)) place = &(*place)->next_of_file;
  return place;
}

int sim_epoll_control(sim_process *process, int epoll, int operation, int fd,
                      const struct epoll_event *event)
{
  sim_file *set_file = sim_file_at(process, epoll), *file = sim_file_at(process, fd);
  if (!set_file || !file) return -EBADF;
  if (set_file->kind != SIM_EPOLL || set_file == file) return -EINVAL;
  sim_epoll *set = (sim_epoll *)set_file;
  sim_item **place = place_of(set, file, fd), *item = *place;
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (item) return -EEXIST;
      item = *place = sim_take(process->kernel, sizeof *item);
      item->set = set;
      item->file = file;
      item->fd = fd;
      join(item);
      break;
    case EPOLL_CTL_MOD:
      if (!item) return -ENOENT;
      break;
    case EPOLL_CTL_DEL:
      if (!item) return -ENOENT;
      leave(item);
      *place = item->next_of_file;
      sim_give(process->kernel, item, sizeof *item);
      return 0;
    default: return -EINVAL;
  }
  item->wants = *event;
  item->wants.events |= ALWAYS;
  if (wanted_now(item)) sim_item_ready(item);
  return 0;
}

static int harvest(sim_epoll *set, struct epoll_event *events, int capacity)
{
  int count = 0;
  sim_item *again = NULL;
  while (set->first_ready && set->first_ready != again && count < capacity) {
    sim_item *item = set->first_ready;
    uint32_t now = wanted_now(item);
    unready(item);
    if (!now) continue;
    item->file->batch = set->file.kernel->batches;
    events[count++] = (struct epoll_event){.events = now, .data = item->wants.data};
    if (item->wants.events & EPOLLONESHOT) {
      item->wants.events &= SETTINGS;
    } else if (!(item->wants.events & EPOLLET)) {
      sim_item_ready(item);
      if (!again) again = item;
    }
  }
  return count;
}

/* One of the set's, whatever has become of it, or none. */
static sim_item *any_item(const sim_epoll *set)
{
  uint64_t count = 0;
  sim_item *found = NULL;
  for (sim_item *item = set->items; item; item = item->next_of_set)
    if (sim_random(set->file.kernel, ++count) == 0) found = item;
  return found;
}

/* How many events may be given now; some are added, or change places, on the way. */
static int disturb(sim_process *process, sim_epoll *set, int capacity)
{
  sim_kernel *kernel = process->kernel;
  if (!process->disorder || sim_random(kernel, 1000) >= process->disorder) return capacity;
  sim_item *item = any_item(set);
  if (item && item->is_ready) {
    unready(item);
    sim_item_ready(item);
  } else if (item && wanted_now(item)) {
    sim_item_ready(item);
  }
  int most = 1 + (int)sim_random(kernel, 4);
  return most < capacity ? most : capacity;
}

/* The next thing happens, unless that is later than `until`: then it is `until`, and 0. Where
 * processes have programs, the others go on. */
static int pass(sim_process *process, const sim_rest *rest, lc_time until)
{
  sim_kernel *kernel = process->kernel;
  if (process->turn) {
    sim_turn_rest(process, rest, until);
    return 1;
  }
  if (sim_next_at(kernel) <= until) return sim_step(kernel);
  if (until != LC_NEVER) kernel->now = until;
  return 0;
}

static lc_time end_of(const sim_process *process, lc_time timeout)
{
  const sim_kernel *kernel = process->kernel;
  if (kernel->is_running) return kernel->now; /* who acts by plan never waits */
  return timeout < 0 ? LC_NEVER : lc_time_add(kernel->now, timeout);
}

int sim_epoll_wait(sim_process *process, int epoll, struct epoll_event *events, int capacity,
                   lc_time timeout)
{
  sim_file *file = sim_file_at(process, epoll);
  if (!file) return -EBADF;
  if (file->kind != SIM_EPOLL || capacity < 1) return -EINVAL;
  lc_time until = end_of(process, timeout);
  process->kernel->batches++;
  process->interrupted = 0;
  capacity = disturb(process, (sim_epoll *)file, capacity);
  const sim_rest rest = {.set = (const sim_epoll *)file};
  for (;;) {
    int count = harvest((sim_epoll *)file, events, capacity);
    if (count) return count;
    if (process->interrupted) return -EINTR;
    if (process->kernel->now >= until) return 0;
    if (!pass(process, &rest, until) && until == LC_NEVER) return -EDEADLK; /* nothing will come */
  }
}

/* ------------------------------------------------------------------- poll -- */

static short meaning(uint32_t events, short asked)
{
  short told = 0;
  if (events & EPOLLIN) told |= POLLIN;
  if (events & EPOLLOUT) told |= POLLOUT;
  if (events & EPOLLRDHUP) told |= POLLRDHUP;
  told = (short)(told & asked);
  if (events & EPOLLERR) told |= POLLERR;
  if (events & EPOLLHUP) told |= POLLHUP;
  return told;
}

static int look(const sim_process *process, struct pollfd *fds, unsigned count)
{
  int ready = 0;
  for (unsigned i = 0; i < count; i++) {
    fds[i].revents = 0;
    if (fds[i].fd < 0) continue;
    const sim_file *file = sim_file_at(process, fds[i].fd);
    fds[i].revents = file ? meaning(sim_file_poll(file), fds[i].events) : POLLNVAL;
    ready += fds[i].revents != 0;
  }
  return ready;
}

int sim_rest_is_over(const sim_process *process, const sim_rest *rest)
{
  if (rest->set) return rest->set->first_ready != NULL;
  return look(process, rest->fds, rest->count) > 0;
}

int sim_poll(sim_process *process, struct pollfd *fds, unsigned count, lc_time timeout)
{
  lc_time until = end_of(process, timeout);
  const sim_rest rest = {.fds = fds, .count = count};
  process->interrupted = 0;
  for (;;) {
    int ready = look(process, fds, count);
    if (ready) return ready;
    if (process->interrupted) return -EINTR;
    if (process->kernel->now >= until) return 0;
    if (!pass(process, &rest, until) && until == LC_NEVER) return -EDEADLK;
  }
}

/* ---------------------------------------------------------------- waking -- */

int sim_wake_create(sim_process *process)
{
  sim_counter *counter = sim_take(process->kernel, sizeof *counter);
  sim_file_init(&counter->file, SIM_EVENT, process);
  return sim_file_install(process, &counter->file);
}

static sim_counter *counter_at(const sim_process *process, int fd)
{
  sim_file *file = sim_file_at(process, fd);
  return file && file->kind == SIM_EVENT ? (sim_counter *)file : NULL;
}

int sim_wake(sim_process *process, int fd)
{
  sim_counter *counter = counter_at(process, fd);
  if (!counter) return -EBADF;
  counter->count++;
  sim_file_wake(&counter->file, EPOLLIN);
  return 0;
}

int sim_wake_clear(sim_process *process, int fd)
{
  sim_counter *counter = counter_at(process, fd);
  if (!counter) return -EBADF;
  counter->count = 0;
  return 0;
}
