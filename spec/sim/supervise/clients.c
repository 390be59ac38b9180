/* clients.c - clients, each with one request; and the console, which reads what the master
 * writes to stderr. */
#include <stdlib.h>
#include <string.h>

#include "truth.h"
#include "world.h"

static const lc_time PATIENCE = 60 * LC_SECOND;
static const lc_time REPLACED_WITHIN = 5 * LC_SECOND; /* after so many crashes as a plan has */

/* One that finds nobody, although the service is there. */
static void be_refused(client *one, int code)
{
  world *in = one->in;
  one->end = CLIENT_REFUSED;
  tell(in, "client %u: %s", one->index, lc_code_name(code));
  if (!in->is_stopped && !in->has_crashed_master)
    fail(in, "client %u is refused: %s", one->index, lc_code_name(code));
}

static void take_answer(client *one, const char *line)
{
  world *in = one->in;
  one->end = CLIENT_ANSWERED;
  one->version = (unsigned)atoi(line);
  tell(in, "client %u: answered by version %u", one->index, one->version);
  if (one->version > in->version || in->builds[one->version] != BUILD_GOOD)
    fail(in, "client %u is answered by version %u, which is a bad build", one->index, one->version);
  else if (one->version < one->least)
    fail(in, "client %u is answered by version %u, after the reload of version %u has succeeded",
         one->index, one->version, one->least);
}

/* A client is lost with the worker that has it. One that waits in the queue is lost with a
 * worker when no other takes the worker's place: the master is dead, or ends the service, or a
 * bad build lies on the disk. */
static int may_be_lost(const client *one)
{
  const world *in = one->in;
  if (one->served_by) return sim_process_has_crashed(one->served_by);
  int is_at_end = in->is_stopped && in->stopped_at - in->crashed_at < REPLACED_WITHIN;
  return in->has_crashed_worker && (in->has_crashed_master || is_at_end || in->has_bad_build);
}

static void get_nothing(client *one, int code)
{
  world *in = one->in;
  int server = one->served_by ? sim_process_id(one->served_by) : 0;
  one->end = code == -ETIMEDOUT ? CLIENT_TIRED : CLIENT_LOST;
  tell(in, "client %u: no answer from %d: %s", one->index, server, lc_code_name(code));
  if (!may_be_lost(one))
    fail(in, "client %u was connected, and has no answer from process %d: %s", one->index, server,
         lc_code_name(code));
}

void client_run(void *user)
{
  client *one = user;
  world *in = one->in;
  char line[64];
  while (!in->serves_at) sim_pause(one->process, 10 * LC_MILLISECOND);
  sim_pause(one->process, one->at);
  one->least = in->served;
  int fd = wire_connect(one->process, one->is_unix, SOCKET_PATH, PATIENCE);
  if (fd < 0) {
    be_refused(one, fd);
    return;
  }
  tell(in, "client %u: connected", one->index);
  snprintf(line, sizeof line, "%u\n", one->work);
  wire_say(one->process, fd, line);
  int got = wire_read_line(one->process, fd, line, sizeof line, PATIENCE);
  one->served_by = sim_truth_acceptor(one->process, fd);
  wire_close(one->process, fd);
  if (got < 0) get_nothing(one, got);
  else take_answer(one, line);
}

/* ---------------------------------------------------------------------------- console -- */

void console_run(void *user)
{
  console *one = user;
  const lc_sys *sys = sim_process_sys(one->process);
  char text[512], line[256];
  size_t length = 0;
  for (;;) {
    struct pollfd ready = {one->fd, POLLIN, 0};
    ssize_t got = sys->read(sys, one->fd, text, sizeof text);
    if (got == 0) return;
    if (got < 0) sys->poll(sys, &ready, 1, -1);
    for (ssize_t i = 0; i < got; i++) {
      if (text[i] != '\n' && length + 1 < sizeof line) line[length++] = text[i];
      if (text[i] != '\n') continue;
      line[length] = 0;
      length = 0;
      tell(one->in, "stderr: %s", line);
    }
  }
}
