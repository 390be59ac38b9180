/* crowd.c - the side that orders: processes, each with a socket on which a byte is an order, and
 * the answer a struct crowd_end.
 */
#include "crowd.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "holder.h"

struct crowd {
  unsigned holders;
  struct {
    pid_t pid;
    int line;
  } holder[];
};

static void start(struct crowd *crowd, unsigned index, const struct crowd_options *options)
{
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) give_up("socketpair");
  unsigned share = options->count / options->holders + (index < options->count % options->holders);
  fflush(stdout); /* what is printed is the parent's to print */
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < index; i++) close(crowd->holder[i].line);
    close(ends[0]);
    run_on(options->processor);
    hold(options, share, 1 + index * HOLDER_SOURCES, ends[1]);
  }
  close(ends[1]);
  crowd->holder[index].pid = pid;
  crowd->holder[index].line = ends[0];
}

struct crowd *crowd_new(const struct crowd_options *options)
{
  struct crowd *crowd =
    must_have(calloc(1, sizeof *crowd + options->holders * sizeof crowd->holder[0]));
  crowd->holders = options->holders;
  for (unsigned i = 0; i < options->holders; i++) start(crowd, i, options);
  return crowd;
}

static void order(struct crowd *crowd, char what)
{
  for (unsigned i = 0; i < crowd->holders; i++)
    if (write(crowd->holder[i].line, &what, 1) != 1) give_up("a holder has ended");
}

static void collect(struct crowd *crowd, struct crowd_end *sum)
{
  *sum = (struct crowd_end){0};
  for (unsigned i = 0; i < crowd->holders; i++) {
    struct crowd_end part;
    if (recv(crowd->holder[i].line, &part, sizeof part, MSG_WAITALL) != (ssize_t)sizeof part)
      give_up("a holder has ended");
    sum->finished += part.finished;
    sum->lost += part.lost;
    if (part.last > sum->last) sum->last = part.last;
  }
}

static void order_and_wait(struct crowd *crowd, char what)
{
  struct crowd_end done;
  order(crowd, what);
  collect(crowd, &done);
}

void crowd_connect(struct crowd *crowd) { order_and_wait(crowd, HOLDER_CONNECT); }
void crowd_speak(struct crowd *crowd) { order_and_wait(crowd, HOLDER_SPEAK); }
void crowd_dawdle(struct crowd *crowd) { order(crowd, HOLDER_DAWDLE); }
void crowd_watch(struct crowd *crowd) { order_and_wait(crowd, HOLDER_WATCH); }

void crowd_finish(struct crowd *crowd, struct crowd_end *end)
{
  collect(crowd, end);
  crowd_leave(crowd);
}

void crowd_leave(struct crowd *crowd)
{
  for (unsigned i = 0; i < crowd->holders; i++) close(crowd->holder[i].line);
  for (unsigned i = 0; i < crowd->holders; i++) waitpid(crowd->holder[i].pid, NULL, 0);
  free(crowd);
}
