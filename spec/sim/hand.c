/* hand.c - schedules of a master that hands its listening socket to workers, and replaces them.
 *
 * Master and workers are processes of their own, on the unmodified core. A line, a pair of sockets, leads from the master
 * to each worker. The master sends "L" with the socket; the worker accepts from it and says "R". Then the master tells all
 * that were ready before to drain: "D". At the end of the line a worker drains too. "E" is the end of all: who gets it
 * empties the queue. Meanwhile clients come, and workers and the master are killed.
 */
#include "hand.h"

#include <stdarg.h>
#include <string.h>

#include "kernel.h"
#include "lastcall.h"
#include "memory.h"
#include "truth.h"

enum { WORKERS = 8, ALIVE = 4, CLIENTS = 24, CONNS = 32, ENDING = 600, PORT = 80 };

typedef struct hand hand;

typedef struct worker {
  hand *in;
  unsigned index;
  sim_process *process;
  const lc_sys *sys;
  lc_loop *loop;
  lc_server *server;
  lc_conn *line;         /* its own end; held */
  lc_conn *masters;      /* the other one; held */
  lc_conn *conns[CONNS]; /* of clients; held */
  unsigned count;
  int is_ready; /* has said so, and the master has heard it */
  int is_told;  /* to drain */
  int is_killed;
  int has_heard_end;
} worker;

typedef struct visitor {
  sim_process *process;
  const lc_sys *sys;
  int fd; /* -1: not there, or not any more */
  uint16_t port;
  int has_come, is_connected, has_asked, is_answered, is_refused, is_late;
  const worker *served_by;
} visitor;

struct hand {
  sim_kernel *kernel;
  sim_process *master;
  const lc_sys *sys;
  lc_loop *loop;
  lc_server *lines;
  int socket; /* the one that listens */
  int is_killed;
  int is_ending, has_nobody;
  worker workers[WORKERS];
  unsigned count;
  visitor visitors[CLIENTS];
  char *failure;
  FILE *trace;
};

static hand the_hand;

__attribute__((format(printf, 2, 3))) static void fail(hand *in, const char *format, ...)
{
  va_list values;
  if (in->failure[0]) return;
  va_start(values, format);
  vsnprintf(in->failure, HAND_TEXT, format, values);
  va_end(values);
}

__attribute__((format(printf, 2, 3))) static void tell(const hand *in, const char *format, ...)
{
  va_list values;
  if (!in->trace) return;
  fprintf(in->trace, "%12.6f  ", lc_to_seconds(sim_now(in->kernel)));
  va_start(values, format);
  vfprintf(in->trace, format, values);
  va_end(values);
  fputc('\n', in->trace);
}

static uint64_t below(hand *in, uint64_t limit) { return sim_random(in->kernel, limit); }
static int one_in(hand *in, uint64_t count) { return below(in, count) == 0; }

static lc_address address_of_all(void)
{
  return (lc_address){
    .of.in = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}},
    .length = sizeof(struct sockaddr_in)};
}

/* --------------------------------------------------------------------- workers -- */

static void say(lc_conn *line, const char *word, const int *fd)
{
  struct iovec piece = {(void *)(uintptr_t)word, 1};
  lc_conn_send_fds(line, fd, fd ? 1 : 0, &piece, 1);
  lc_conn_flush(line);
}

static visitor *visitor_at(hand *in, const lc_conn *conn)
{
  lc_address peer;
  lc_conn_peer(conn, &peer);
  for (unsigned i = 0; i < CLIENTS; i++)
    if (in->visitors[i].port == ntohs(peer.of.in.sin_port)) return &in->visitors[i];
  return NULL;
}

static void opened(lc_conn *conn, void *user)
{
  worker *w = user;
  visitor *v = visitor_at(w->in, conn);
  if (!v || w->count == CONNS) return;
  tell(w->in, "worker %u: accepts %td", w->index, v - w->in->visitors);
  v->served_by = w;
  w->conns[w->count++] = lc_conn_ref(conn);
}

static const lc_events WORKER_EVENTS = {.opened = opened}, MASTER_EVENTS = {0};

static void take_socket(worker *w)
{
  int fd, lost;
  lc_listen_options listen;
  if (lc_conn_take_fds(w->line, &fd, 1, &lost) != 1) {
    fail(w->in, "worker %u: there is no socket with the word", w->index);
    return;
  }
  lc_listen_options_init(&listen);
  listen.shared = 1;
  int result = lc_server_listen_fd(w->server, fd, &listen);
  if (result < 0) {
    fail(w->in, "worker %u: cannot listen: %s", w->index, lc_code_name(result));
    w->sys->close(w->sys, fd);
    return;
  }
  say(w->line, "R", NULL);
}

/* `is_last`: nobody else will accept from the socket. */
static void drain(worker *w, int is_last)
{
  int fd = lc_server_listener_fd(w->server, 0);
  if (is_last && fd >= 0) lc_server_share(w->server, fd, 0);
  lc_server_shutdown(w->server, sim_now(w->in->kernel) + 20 * LC_SECOND);
}

static void hear(worker *w)
{
  lc_slice slice;
  if (w->has_heard_end) return;
  int result = lc_conn_read_some(w->line, 1, &slice);
  if (result == LC_AGAIN) return;
  char word = result < 0 ? 'X' : slice.data[0];
  tell(w->in, "worker %u: hears %c", w->index, word);
  if (word == 'L') take_socket(w);
  if (word == 'D') drain(w, 0);
  if (word == 'E' || word == 'X') drain(w, 1);
  if (result < 0) w->has_heard_end = 1;
}

static void serve(lc_conn *conn)
{
  lc_slice slice;
  struct iovec piece = {(void *)(uintptr_t) "r", 1};
  if (lc_conn_error(conn) || lc_conn_read_some(conn, 1, &slice) < 0) return;
  lc_conn_write(conn, &piece, 1);
  lc_conn_finish(conn, "answered");
}

static void work(worker *w)
{
  if (w->is_killed) return;
  if (one_in(w->in, 2)) hear(w);
  if (w->count) serve(w->conns[below(w->in, w->count)]);
  int result = lc_loop_turn(w->loop, 0);
  if (result < 0) fail(w->in, "worker %u: the loop has failed: %s", w->index, lc_code_name(result));
}

/* ---------------------------------------------------------------------- master -- */

static void start_worker(hand *in)
{
  int fds[2], error = 0;
  lc_server_options options;
  unsigned alive = 0;
  for (unsigned i = 0; i < in->count; i++)
    alive += !in->workers[i].is_killed && !in->workers[i].is_told;
  if (in->count == WORKERS || alive == ALIVE || in->is_killed) return;
  worker *w = &in->workers[in->count];
  *w = (worker){.in = in, .index = in->count++};
  w->process = sim_process_new(in->kernel, 1);
  w->sys = sim_process_sys(w->process);
  lc_server_options_init(&options);
  w->loop = lc_loop_new(w->sys, &error);
  w->server = lc_server_new(w->loop, &options, &WORKER_EVENTS, w, &error);
  sim_process_pair(in->master, w->process, fds);
  lc_conn_adopt(in->lines, fds[0], NULL, &w->masters);
  lc_conn_adopt(w->server, fds[1], NULL, &w->line);
  lc_conn_ref(w->masters);
  lc_conn_ref(w->line);
  lc_conn_guard(w->line);
  lc_conn_accept_fds(w->line, 4);
  tell(in, "master: starts worker %u", w->index);
  say(w->masters, "L", &in->socket);
}

/* Those that were ready before leave the socket to the new one. */
static void drain_older(hand *in, const worker *ready)
{
  for (unsigned i = 0; i < ready->index; i++) {
    worker *w = &in->workers[i];
    if (!w->is_ready || w->is_told || w->is_killed) continue;
    w->is_told = 1;
    tell(in, "master: worker %u is to drain", w->index);
    say(w->masters, "D", NULL);
  }
}

static void listen_to(hand *in, worker *w)
{
  lc_slice slice;
  if (!w->masters || lc_conn_read_some(w->masters, 1, &slice) < 0) return;
  tell(in, "master: worker %u is ready", w->index);
  w->is_ready = 1;
  drain_older(in, w);
}

static void rule(hand *in)
{
  if (in->is_killed) return;
  for (unsigned i = 0; i < in->count; i++) listen_to(in, &in->workers[i]);
  int result = lc_loop_turn(in->loop, 0);
  if (result < 0) fail(in, "master: the loop has failed: %s", lc_code_name(result));
}

/* -------------------------------------------------------------------- visitors -- */

static void come(hand *in, visitor *v)
{
  lc_address own = {.length = sizeof own.of}, to = address_of_all();
  v->has_come = 1;
  v->process = sim_process_new(in->kernel, 2);
  v->sys = sim_process_sys(v->process);
  v->fd = v->sys->socket(v->sys, AF_INET, SOCK_STREAM, 0);
  v->sys->connect(v->sys, v->fd, &to.of.any, to.length);
  v->sys->getsockname(v->sys, v->fd, &own.of.any, &own.length);
  v->port = ntohs(own.of.in.sin_port);
}

static void leave(visitor *v)
{
  v->sys->close(v->sys, v->fd);
  v->fd = -1;
}

static void look_whether_connected(const hand *in, visitor *v)
{
  int error = 0;
  socklen_t length = sizeof error;
  lc_address peer = {.length = sizeof peer.of};
  v->sys->getsockopt(v->sys, v->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error) {
    v->is_late = in->is_ending || in->is_killed;
    v->is_refused = !v->is_late;
    leave(v);
  } else if (v->sys->getpeername(v->sys, v->fd, &peer.of.any, &peer.length) == 0) {
    v->is_connected = 1;
  }
}

static void go_on(hand *in, visitor *v)
{
  char byte;
  struct iovec piece = {(void *)(uintptr_t) "q", 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  if (v->fd < 0) {
    if (!v->has_come) come(in, v);
    return;
  }
  if (!v->is_connected) look_whether_connected(in, v);
  if (v->fd < 0 || !v->is_connected) return;
  if (!v->has_asked) v->has_asked = v->sys->sendmsg(v->sys, v->fd, &message, 0) == 1;
  ssize_t got = v->sys->recv(v->sys, v->fd, &byte, 1, 0);
  if (got == -EAGAIN) return;
  tell(in, "visitor %td: %s", v - in->visitors,
       got == 1 ? "is answered" : lc_code_name(got ? (int)got : LC_EOF));
  v->is_answered = got == 1;
  leave(v);
}

/* ------------------------------------------------------------------------ acting -- */

static void kill_worker(worker *w)
{
  if (w->is_killed) return;
  tell(w->in, "worker %u: is killed", w->index);
  sim_process_kill(w->process);
  w->is_killed = 1;
}

static void kill_master(hand *in)
{
  if (in->is_killed) return;
  tell(in, "master: is killed");
  sim_process_kill(in->master);
  in->is_killed = 1;
}

static void act(hand *in, int kills)
{
  worker *w = in->count ? &in->workers[below(in, in->count)] : NULL;
  switch (below(in, 16)) {
    case 0: start_worker(in); break;
    case 1:
      if (kills && w && one_in(in, 3)) kill_worker(w);
      break;
    case 2:
      if (kills && one_in(in, 40)) kill_master(in);
      break;
    case 3:
    case 4:
    case 5: go_on(in, &in->visitors[below(in, CLIENTS)]); break;
    case 6:
      sim_run(in->kernel, sim_now(in->kernel) + (lc_time)below(in, 20 * LC_MILLISECOND));
      break;
    case 7:
    case 8: rule(in); break;
    default:
      if (w) work(w);
  }
}

static void begin(hand *in, uint64_t seed)
{
  lc_server_options options;
  lc_address all = address_of_all();
  int error = 0;
  in->kernel = sim_kernel_new(seed);
  sim_kernel_network(in->kernel)->delay =
    one_in(in, 2) ? 0 : (lc_time)below(in, 40 * LC_MILLISECOND);
  in->master = sim_process_new(in->kernel, 1);
  in->sys = sim_process_sys(in->master);
  lc_server_options_init(&options);
  options.is_outbound = 1;
  in->loop = lc_loop_new(in->sys, &error);
  in->lines = lc_server_new(in->loop, &options, &MASTER_EVENTS, in, &error);
  in->socket = in->sys->socket(in->sys, AF_INET, SOCK_STREAM, 0);
  in->sys->bind(in->sys, in->socket, &all.of.any, all.length);
  in->sys->listen(in->sys, in->socket, 128);
  for (int i = 0; i < CLIENTS; i++) in->visitors[i].fd = -1;
  start_worker(in);
}

/* -------------------------------------------------------------------------- end -- */

/* The newest worker empties the queue. When the master is dead, the workers do so by themselves. */
static void end_of_all(hand *in)
{
  in->is_ending = 1;
  if (in->is_killed) return;
  worker *last = NULL;
  for (int tries = 0; tries < 2 && !last; tries++) {
    for (unsigned i = 0; i < in->count; i++)
      if (!in->workers[i].is_killed && !in->workers[i].is_told) last = &in->workers[i];
    if (!last) start_worker(in);
  }
  for (unsigned i = 0; i < in->count; i++) {
    worker *w = &in->workers[i];
    if (!w->is_killed) say(w->masters, w == last ? "E" : "D", NULL);
  }
  in->has_nobody = !last;
}

static void wind_up(hand *in)
{
  for (int i = 0; i < 40; i++) { /* what is under way arrives */
    rule(in);
    for (unsigned j = 0; j < in->count; j++) work(&in->workers[j]);
  }
  end_of_all(in);
  for (int i = 0; i < ENDING && !in->failure[0]; i++) {
    rule(in);
    if (i == 20 && !in->is_killed) in->sys->close(in->sys, in->socket);
    for (unsigned j = 0; j < in->count; j++) work(&in->workers[j]);
    for (unsigned j = 0; j < CLIENTS; j++)
      if (in->visitors[j].has_come) go_on(in, &in->visitors[j]);
    sim_run(in->kernel, sim_now(in->kernel) + (lc_time)below(in, 50 * LC_MILLISECOND));
  }
}

/* Whether a worker has the socket to the end. */
static int has_heir(const hand *in)
{
  for (unsigned i = 0; i < in->count; i++) {
    const worker *w = &in->workers[i];
    if (w->is_ready && !w->is_told && !w->is_killed) return 1;
  }
  return 0;
}

/* A visitor is lost with the worker that has it, and with the socket. */
static void check_visitor(hand *in, const visitor *v)
{
  int is_socket_lost = in->is_killed ? !has_heir(in) : in->has_nobody;
  int can_be_lost = is_socket_lost || v->is_late || (v->served_by && v->served_by->is_killed);
  if (!v->has_come || v->is_answered || can_be_lost) return;
  if (v->is_refused) fail(in, "visitor %td was refused", v - in->visitors);
  else fail(in, "visitor %td was connected, and lost", v - in->visitors);
}

static void end_worker(worker *w)
{
  if (!w->is_killed && sim_truth_left_watched(w->process))
    fail(w->in, "worker %u: a descriptor was closed while epoll watched it", w->index);
  if (!w->is_killed && sim_truth_strange(w->process))
    fail(w->in, "worker %u: used what was not open", w->index);
  for (unsigned i = 0; i < w->count; i++) lc_conn_unref(w->conns[i]);
  lc_conn_unref(w->line);
  lc_conn_unref(w->masters);
  lc_server_free(w->server);
  lc_loop_free(w->loop);
  if (!w->is_killed && sim_process_descriptors(w->process))
    fail(w->in, "worker %u: %d descriptors are left", w->index,
         sim_process_descriptors(w->process));
}

int hand_run(uint64_t seed, char failure[HAND_TEXT], FILE *trace)
{
  hand *in = &the_hand;
  long before = memory_live();
  memset(in, 0, sizeof *in);
  failure[0] = 0;
  in->failure = failure;
  in->trace = trace;
  begin(in, seed);
  uint64_t moments = 50 + below(in, 600);
  int kills = one_in(in, 2);
  for (uint64_t i = 0; i < moments && !failure[0]; i++) act(in, kills);
  wind_up(in);
  for (int i = 0; i < CLIENTS && !failure[0]; i++) check_visitor(in, &in->visitors[i]);
  for (unsigned i = 0; i < in->count; i++) end_worker(&in->workers[i]);
  lc_server_free(in->lines);
  lc_loop_free(in->loop);
  if (!in->is_killed && !failure[0] && sim_process_descriptors(in->master))
    fail(in, "master: %d descriptors are left", sim_process_descriptors(in->master));
  if (!failure[0] && memory_live() != before)
    fail(in, "%ld pieces of memory are left", memory_live() - before);
  sim_kernel_free(in->kernel);
  return !failure[0];
}
