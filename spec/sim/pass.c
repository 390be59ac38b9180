/* pass.c - schedules of two processes that pass each other descriptors over a unix connection.
 *
 * Both are on the unmodified core, each with its own loop. At each moment one of them does something: sends bytes, with
 * descriptors or without, receives, takes, lets its loop turn. At some moment one of them stops, in one of several ways.
 * Byte n of a direction has a value of its own, and so has descriptor n: it is a file of n + 1 bytes. So whoever receives
 * them knows what must come next.
 */
#include "pass.h"

#include <stdarg.h>
#include <string.h>

#include "kernel.h"
#include "lastcall.h"
#include "memory.h"
#include "truth.h"

enum { FDS_MOST = 1024, WRITE_MOST = 100 * 1024, READ_MOST = 64 * 1024, ENDING = 400 };

typedef struct pass pass;

typedef struct side {
  pass *in;
  struct side *other;
  const char *name;
  sim_process *process;
  const lc_sys *sys;
  lc_loop *loop;
  lc_server *server;
  lc_conn *conn; /* held; NULL: none yet */
  int is_killed;
  int has_faults;

  /* sending */
  uint64_t accepted;     /* bytes */
  uint64_t rest;         /* of a write that is half-way through */
  int fd_count;          /* descriptors accepted */
  uint64_t at[FDS_MOST]; /* the byte that each went with */

  /* receiving */
  uint64_t consumed;
  int most;     /* what it accepts; 0: nothing, ever */
  int taken;    /* the number of the next one */
  int is_lossy; /* some were lost behind the last that was taken */
  int has_lost; /* ever */
  int saw_end;  /* all was read: the peer's FIN came */
} side;

struct pass {
  sim_kernel *kernel;
  side sides[2];
  int is_plain; /* no fault, and everybody takes everything */
  char *failure;
  FILE *trace;
  char bytes[WRITE_MOST];
};

static pass the_pass;

__attribute__((format(printf, 2, 3))) static void fail(pass *in, const char *format, ...)
{
  va_list values;
  if (in->failure[0]) return;
  va_start(values, format);
  vsnprintf(in->failure, PASS_TEXT, format, values);
  va_end(values);
}

__attribute__((format(printf, 2, 3))) static void tell(const side *s, const char *format, ...)
{
  va_list values;
  if (!s->in->trace) return;
  fprintf(s->in->trace, "%12.6f  %s: ", lc_to_seconds(sim_now(s->in->kernel)), s->name);
  va_start(values, format);
  vfprintf(s->in->trace, format, values);
  va_end(values);
  fputc('\n', s->in->trace);
}

static uint64_t below(pass *in, uint64_t limit) { return sim_random(in->kernel, limit); }
static int one_in(pass *in, uint64_t count) { return below(in, count) == 0; }

/* Small ones are as likely as large ones. */
static size_t some_size(pass *in, size_t most)
{
  size_t limit = (size_t)1 << below(in, 18);
  return 1 + (size_t)below(in, limit < most ? limit : most);
}

static char byte_at(uint64_t position) { return (char)(position * 7 + position / 251); }

/* --------------------------------------------------------------------- sending -- */

static int open_numbered(side *s, int number)
{
  return sim_disk_open(s->process, (uint64_t)number + 1, NULL, NULL);
}

static struct iovec piece_of(side *s, size_t size)
{
  for (size_t i = 0; i < size; i++) s->in->bytes[i] = byte_at(s->accepted + i);
  return (struct iovec){s->in->bytes, size};
}

/* What became of a write of `size` bytes. */
static void note_write(side *s, ssize_t accepted, size_t size)
{
  if (accepted < 0) {
    s->rest = 0;
    return;
  }
  s->accepted += (uint64_t)accepted;
  s->rest = size - (size_t)accepted;
  if (s->rest) lc_conn_wait_write(s->conn, LC_NEVER);
  else lc_conn_end_write(s->conn);
}

static void write_bytes(side *s, size_t size)
{
  struct iovec piece = piece_of(s, size);
  ssize_t accepted = lc_conn_write(s->conn, &piece, 1);
  tell(s, "writes %zu: %zd", size, accepted);
  note_write(s, accepted, size);
}

/* The sender closes its own at once, whatever has become of them. */
static void send_fds(side *s)
{
  int fds[8], count = 1 + (int)below(s->in, 8), opened = 0;
  size_t size = some_size(s->in, WRITE_MOST);
  if (s->fd_count + count > FDS_MOST) return;
  for (; opened < count; opened++) {
    fds[opened] = open_numbered(s, s->fd_count + opened);
    if (fds[opened] < 0) break;
  }
  struct iovec piece = piece_of(s, size);
  uint64_t at = s->accepted;
  ssize_t accepted = opened ? lc_conn_send_fds(s->conn, fds, opened, &piece, 1) : 0;
  tell(s, "sends %d descriptors from %d on with %zu bytes at %llu: %zd", opened, s->fd_count, size,
       (unsigned long long)at, accepted);
  for (int i = 0; i < opened; i++) s->sys->close(s->sys, fds[i]);
  if (accepted <= 0) {
    if (accepted < 0 && accepted != LC_CLOSED && !s->has_faults && !lc_conn_error(s->conn))
      fail(s->in, "%s: descriptors were refused: %s", s->name, lc_code_name((int)accepted));
    if (opened) lc_conn_end_write(s->conn);
    return;
  }
  for (int i = 0; i < opened; i++) s->at[s->fd_count++] = at;
  note_write(s, accepted, size);
}

static void send_something(side *s)
{
  if (s->rest) write_bytes(s, (size_t)s->rest);
  else if (one_in(s->in, 2)) send_fds(s);
  else write_bytes(s, some_size(s->in, WRITE_MOST));
}

/* ------------------------------------------------------------------- receiving -- */

static void check_bytes(side *s, const lc_slice *slice)
{
  for (size_t i = 0; i < slice->length; i++) {
    if (slice->data[i] == byte_at(s->consumed + i)) continue;
    fail(s->in, "%s: byte %llu is another one", s->name, (unsigned long long)(s->consumed + i));
    return;
  }
  s->consumed += slice->length;
  if (s->consumed > s->other->accepted) fail(s->in, "%s: more bytes came than were sent", s->name);
}

static void check_number(side *s, int fd)
{
  lc_file_facts facts = {0};
  lc_conn_stats stats;
  s->sys->file_facts(s->sys, fd, &facts);
  int number = (int)facts.size - 1;
  if (number < s->taken || (number > s->taken && !s->is_lossy)) {
    fail(s->in, "%s: descriptor %d came in place of %d", s->name, number, s->taken);
    return;
  }
  lc_conn_stats_get(s->conn, &stats);
  if (number >= s->other->fd_count || s->other->at[number] >= stats.received)
    fail(s->in, "%s: descriptor %d came before its byte", s->name, number);
  s->taken = number + 1;
  s->is_lossy = 0;
}

/* All that came with what was consumed must be there. */
static void check_complete(side *s)
{
  if (s->has_lost) return;
  const side *from = s->other;
  if (s->taken < from->fd_count && from->at[s->taken] < s->consumed)
    fail(s->in, "%s: descriptor %d did not come with its byte", s->name, s->taken);
}

static void take_fds(side *s)
{
  int fds[LC_FDS_MOST], lost, count;
  if (!s->most) return;
  do {
    count = lc_conn_take_fds(s->conn, fds, 1 + (int)below(s->in, 8), &lost);
    if (count || lost) tell(s, "takes %d descriptors%s", count, lost ? ", others are lost" : "");
    for (int i = 0; i < count; i++) {
      check_number(s, fds[i]);
      s->sys->close(s->sys, fds[i]);
    }
    if (lost && s->in->is_plain) fail(s->in, "%s: descriptors were lost without need", s->name);
    if (lost) s->is_lossy = s->has_lost = 1;
  } while (count || lost);
  check_complete(s);
}

static void receive(side *s)
{
  lc_slice slice = {"", 0};
  int result;
  switch (below(s->in, 3)) {
    case 0: result = lc_conn_read_exact(s->conn, some_size(s->in, READ_MOST), &slice); break;
    case 1: result = lc_conn_await(s->conn); break;
    default: result = lc_conn_read_some(s->conn, some_size(s->in, READ_MOST), &slice);
  }
  if (result != LC_AGAIN) tell(s, "reads %zu: %s", slice.length, lc_code_name(result));
  check_bytes(s, &slice);
  if (result == LC_EOF) {
    lc_conn_buffered(s->conn, &slice);
    check_bytes(s, &slice);
    lc_conn_take(s->conn, slice.length);
    s->saw_end = 1;
  }
  if (slice.length || result == LC_EOF) take_fds(s);
}

/* ----------------------------------------------------------------------- acting -- */

static void turn(side *s)
{
  if (s->is_killed) return;
  int result = lc_loop_turn(s->loop, 0);
  if (result < 0) fail(s->in, "%s: the loop has failed: %s", s->name, lc_code_name(result));
}

static void pass_time(pass *in, lc_time most)
{
  sim_run(in->kernel, sim_now(in->kernel) + (lc_time)below(in, (uint64_t)most + 1));
}

static void act(side *s)
{
  if (s->conn && !s->is_killed) {
    switch (below(s->in, 8)) {
      case 0:
      case 1:
      case 2: send_something(s); break;
      case 3:
      case 4:
      case 5: receive(s); break;
      case 6: lc_conn_flush(s->conn); break;
      default: lc_loop_flush(s->loop);
    }
  }
  if (one_in(s->in, 2)) turn(s);
  if (one_in(s->in, 8)) pass_time(s->in, 50 * LC_MILLISECOND);
}

static void stop(side *s)
{
  static const char *const HOW[] = {"closes",     "finishes",  "aborts",
                                    "shuts down", "is killed", "half-closes"};
  uint64_t how = below(s->in, sizeof HOW / sizeof *HOW);
  tell(s, "%s", HOW[how]);
  if (how == 4) {
    sim_process_kill(s->process);
    s->is_killed = 1;
  } else if (how == 3 || !s->conn) {
    lc_server_shutdown(s->server, sim_now(s->in->kernel) + LC_SECOND);
  } else if (how == 0) {
    lc_conn_close(s->conn, 2 * LC_SECOND, "close");
  } else if (how == 1) {
    lc_conn_finish(s->conn, "finish");
  } else if (how == 2) {
    lc_conn_abort(s->conn, "abort");
  } else {
    lc_conn_shutdown(s->conn, SHUT_WR);
  }
}

/* ----------------------------------------------------------------------- set-up -- */

static void take_connection(side *s, lc_conn *conn)
{
  if (s->conn) return;
  s->conn = lc_conn_ref(conn);
  int result = s->most ? lc_conn_accept_fds(conn, s->most) : 0;
  if (result < 0) fail(s->in, "%s: cannot accept descriptors: %s", s->name, lc_code_name(result));
}

static void opened(lc_conn *conn, void *user) { take_connection(user, conn); }

static const lc_events EVENTS = {.opened = opened};

static void spoil(side *s)
{
  static const struct {
    fault_call call;
    int code;
  } MISHAPS[] = {{FAULT_SENDMSG, -ETOOMANYREFS}, {FAULT_SENDMSG, -EINTR},
                 {FAULT_SENDMSG, -ENOBUFS},      {FAULT_RECVMSG, -EINTR},
                 {FAULT_RECVMSG, -ENOMEM},       {FAULT_DUPLICATE, -EMFILE}};
  size_t which = (size_t)below(s->in, sizeof MISHAPS / sizeof *MISHAPS);
  s->has_faults = 1;
  sim_process_fail(s->process, MISHAPS[which].call, 1 + (unsigned)below(s->in, 20),
                   1 + (unsigned)below(s->in, 4), MISHAPS[which].code);
  if (one_in(s->in, 4)) sim_process_limit(s->process, 24);
}

static void begin_side(pass *in, int which)
{
  static const char *const NAMES[] = {"server", "client"};
  side *s = &in->sides[which];
  lc_server_options options;
  int error = 0;
  *s = (side){.in = in, .other = &in->sides[!which], .name = NAMES[which], .most = LC_FDS_MOST};
  s->process = sim_process_new(in->kernel, 1);
  s->sys = sim_process_sys(s->process);
  lc_server_options_init(&options);
  if (one_in(in, 2)) options.settings.gather = (size_t)below(in, one_in(in, 2) ? 4 : 4096);
  s->loop = lc_loop_new(s->sys, &error);
  s->server = lc_server_new(s->loop, &options, &EVENTS, s, &error);
  if (!in->is_plain && one_in(in, 3)) s->most = (int)below(in, 4);
}

/* By a path, to a listener of the core. */
static int meet_at_path(pass *in, lc_conn *conns[2])
{
  lc_address address = {.of.un = {.sun_family = AF_UNIX, .sun_path = "/tmp/pass"}};
  lc_listen_options listen;
  address.length = sizeof address.of.un;
  lc_listen_options_init(&listen);
  int result = lc_server_listen(in->sides[0].server, &address, &listen);
  return result < 0 ? result : lc_conn_connect(in->sides[1].server, &address, NULL, 0, &conns[1]);
}

/* By a pair of sockets, as a master and its worker. */
static int meet_by_pair(pass *in, lc_conn *conns[2])
{
  int fds[2], result = sim_process_pair(in->sides[0].process, in->sides[1].process, fds);
  for (int i = 0; i < 2 && !result; i++)
    result = lc_conn_adopt(in->sides[i].server, fds[i], NULL, &conns[i]);
  return result;
}

static void begin(pass *in, uint64_t seed)
{
  lc_conn *conns[2] = {NULL, NULL};
  in->kernel = sim_kernel_new(seed);
  sim_kernel_network(in->kernel)->buffer = one_in(in, 2) ? 0 : 4608u + (unsigned)below(in, 60000);
  in->is_plain = !one_in(in, 3);
  begin_side(in, 0);
  begin_side(in, 1);
  int result = one_in(in, 2) ? meet_by_pair(in, conns) : meet_at_path(in, conns);
  if (result < 0) fail(in, "cannot begin: %s", lc_code_name(result));
  for (int i = 0; i < 2; i++) {
    if (conns[i]) take_connection(&in->sides[i], conns[i]);
    if (!in->is_plain) spoil(&in->sides[i]);
  }
}

/* ----------------------------------------------------------------------- the end -- */

static int is_over(const side *s)
{
  return s->is_killed || lc_server_step(s->server) == LC_STEP_DONE;
}

/* Everybody reads on, and the loops turn, until both servers are done. */
static void wind_up(pass *in)
{
  for (int i = 0; i < 2; i++) {
    side *s = &in->sides[i];
    if (!s->is_killed) lc_server_shutdown(s->server, sim_now(in->kernel) + 20 * LC_SECOND);
  }
  for (int i = 0; i < ENDING && !in->failure[0]; i++) {
    if (is_over(&in->sides[0]) && is_over(&in->sides[1])) return;
    for (int j = 0; j < 2; j++) {
      side *s = &in->sides[j];
      if (s->conn && !s->is_killed) receive(s);
      turn(s);
    }
    pass_time(in, 200 * LC_MILLISECOND);
  }
}

static void check_end(side *s)
{
  lc_verdict verdict = {0};
  if (s->is_killed || !s->conn) return;
  if (lc_conn_verdict(s->conn, &verdict) != 0) {
    fail(s->in, "%s: the connection has not ended", s->name);
    return;
  }
  const side *to = s->other;
  int was_sent = !verdict.code && !s->rest && to->saw_end && !to->is_killed;
  if (was_sent && to->consumed != s->accepted)
    fail(s->in, "%s: %llu of %llu bytes came, said to be delivered", s->name,
         (unsigned long long)to->consumed, (unsigned long long)s->accepted);
  if (was_sent && s->in->is_plain && to->taken != s->fd_count)
    fail(s->in, "%s: %d of %d descriptors came, said to be delivered", s->name, to->taken,
         s->fd_count);
  if (sim_truth_left_watched(s->process))
    fail(s->in, "%s: a descriptor was closed while epoll watched it", s->name);
  if (sim_truth_strange(s->process)) fail(s->in, "%s: used what was not open", s->name);
}

static void end_side(side *s)
{
  if (s->conn) lc_conn_unref(s->conn);
  lc_server_free(s->server);
  lc_loop_free(s->loop);
  if (!s->is_killed && sim_process_descriptors(s->process))
    fail(s->in, "%s: %d descriptors are left", s->name, sim_process_descriptors(s->process));
}

int pass_run(uint64_t seed, char failure[PASS_TEXT], FILE *trace)
{
  pass *in = &the_pass;
  long before = memory_live();
  failure[0] = 0;
  in->failure = failure;
  in->trace = trace;
  begin(in, seed);
  uint64_t moments = 1 + below(in, 200), stops = below(in, moments);
  for (uint64_t i = 0; i < moments && !failure[0]; i++) {
    side *s = &in->sides[below(in, 2)];
    if (i == stops && !one_in(in, 4)) stop(s);
    else act(s);
  }
  wind_up(in);
  for (int i = 0; i < 2 && !failure[0]; i++) check_end(&in->sides[i]);
  for (int i = 0; i < 2; i++) end_side(&in->sides[i]);
  if (!failure[0] && memory_live() != before)
    fail(in, "%ld pieces of memory are left", memory_live() - before);
  sim_kernel_free(in->kernel);
  return !failure[0];
}
