/* engine.c - one epoll, the alarms in a binary heap, signals by signalfd. */
#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "temper.h"

enum { BATCH = 256, ALARMS_A_TURN = 4096 };

double clock_now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void give_up(const char *what)
{
  int saved = errno;
  fprintf(stderr, "clients: %s%s%s\n", what, saved ? ": " : "", saved ? strerror(saved) : "");
  exit(3);
}

void *must_have(void *memory)
{
  if (!memory) give_up("out of memory");
  return memory;
}

/* ---- alarms ---- */

static void put(struct engine *engine, size_t place, struct alarm *alarm)
{
  engine->heap[place] = alarm;
  alarm->place = place + 1;
}

static void sift(struct engine *engine, size_t place)
{
  struct alarm *moving = engine->heap[place];
  while (place > 0 && engine->heap[(place - 1) / 2]->due > moving->due) {
    put(engine, place, engine->heap[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= engine->alarms) break;
    if (child + 1 < engine->alarms && engine->heap[child + 1]->due < engine->heap[child]->due)
      child++;
    if (engine->heap[child]->due >= moving->due) break;
    put(engine, place, engine->heap[child]);
    place = child;
  }
  put(engine, place, moving);
}

void alarm_set(struct engine *engine, struct alarm *alarm, double due)
{
  alarm->due = due;
  if (alarm->place == 0) {
    if (engine->alarms == engine->room) {
      engine->room = engine->room ? 2 * engine->room : 1024;
      engine->heap = must_have(realloc(engine->heap, engine->room * sizeof *engine->heap));
    }
    put(engine, engine->alarms++, alarm);
  }
  sift(engine, alarm->place - 1);
}

void alarm_clear(struct engine *engine, struct alarm *alarm)
{
  if (alarm->place == 0) return;
  size_t place = alarm->place - 1;
  alarm->place = 0;
  struct alarm *last = engine->heap[--engine->alarms];
  if (last == alarm) return;
  put(engine, place, last);
  sift(engine, place);
}

/* Bounded, so that alarms which set themselves again at once leave room for events. */
static void ring_due(struct engine *engine)
{
  for (int i = 0; i < ALARMS_A_TURN && engine->alarms > 0; i++) {
    struct alarm *first = engine->heap[0];
    if (first->due > engine->now) break;
    alarm_clear(engine, first);
    first->ring(engine, first);
  }
}

/* ---- the turn ---- */

void engine_open(struct engine *engine)
{
  *engine = (struct engine){.bell_at = -1, .now = clock_now()};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  engine->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (engine->epoll_fd < 0 || engine->signal_fd < 0 ||
      epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->signal_fd, &event) < 0)
    give_up("cannot set up epoll");
}

void engine_close(struct engine *engine)
{
  close(engine->signal_fd);
  close(engine->epoll_fd);
  free(engine->heap);
}

static void read_signals(struct engine *engine)
{
  struct signalfd_siginfo info;
  while (read(engine->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGUSR1) tempers_bell(engine);
    else if (info.ssi_signo == SIGUSR2) tempers_let_go(engine);
    else engine->hurry = true;
  }
}

/* ppoll on the epoll descriptor waits to the microsecond, which epoll_wait cannot. */
static void sleep_until(const struct engine *engine, double when)
{
  double left = when - engine->now;
  if (left <= 0) return;
  struct timespec t = {.tv_sec = (time_t)left};
  t.tv_nsec = (long)((left - (double)t.tv_sec) * 1e9);
  struct pollfd waiting = {.fd = engine->epoll_fd, .events = POLLIN};
  ppoll(&waiting, 1, &t, NULL);
}

void engine_turn(struct engine *engine, double deadline)
{
  struct epoll_event events[BATCH];
  int n = epoll_wait(engine->epoll_fd, events, BATCH, 0);
  if (n == 0) {
    double until = deadline;
    if (engine->alarms > 0 && engine->heap[0]->due < until) until = engine->heap[0]->due;
    engine->now = clock_now();
    sleep_until(engine, until);
    n = epoll_wait(engine->epoll_fd, events, BATCH, 0);
  }
  engine->now = clock_now();
  for (int i = 0; i < n; i++) {
    struct client *client = events[i].data.ptr;
    if (client) client_event(client, events[i].events);
    else read_signals(engine);
  }
  ring_due(engine);
  client_reap(engine);
}
