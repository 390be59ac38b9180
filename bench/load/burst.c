/* burst.c - sends while the server stands still, and waits while it works. */
#include "burst.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "dial.h"

enum { PATIENCE = 20000 /* ms for an answer */ };

struct burst {
  const struct traffic_options *options;
  const struct subject *subject;
  size_t length;
  char *message, *answer;
  int fds[];
};

static struct burst *burst_new(const struct traffic_options *options, const struct subject *subject)
{
  struct burst *burst = must_have(calloc(1, sizeof *burst + sizeof(int) * options->connections));
  burst->options = options;
  burst->subject = subject;
  burst->length = options->size * options->lines;
  burst->message = must_have(malloc(burst->length));
  burst->answer = must_have(malloc(burst->length));
  traffic_fill(burst->message, options);
  int whole = (int)burst->length; /* less of an answer wakes nobody */
  for (unsigned i = 0; i < options->connections; i++) {
    burst->fds[i] = dial(options->port, 0);
    if (setsockopt(burst->fds[i], SOL_SOCKET, SO_RCVLOWAT, &whole, sizeof whole) < 0)
      give_up("SO_RCVLOWAT");
  }
  return burst;
}

static void burst_free(struct burst *burst)
{
  for (unsigned i = 0; i < burst->options->connections; i++) close(burst->fds[i]);
  free(burst->message);
  free(burst->answer);
  free(burst);
}

static void send_all(const struct burst *burst)
{
  ssize_t length = (ssize_t)burst->length;
  for (unsigned i = 0; i < burst->options->connections; i++)
    if (send(burst->fds[i], burst->message, burst->length, MSG_DONTWAIT | MSG_NOSIGNAL) != length)
      give_up("a message is too large to be sent while the server stands still");
}

static void receive_all(const struct burst *burst, bool check)
{
  ssize_t length = (ssize_t)burst->length;
  for (unsigned i = 0; i < burst->options->connections; i++) {
    struct pollfd whole = {.fd = burst->fds[i], .events = POLLIN};
    if (poll(&whole, 1, PATIENCE) <= 0) give_up("an answer does not come");
    if (recv(whole.fd, burst->answer, burst->length, MSG_DONTWAIT) != length)
      give_up("a connection has failed");
    errno = EBADMSG;
    if (check && memcmp(burst->answer, burst->message, burst->length) != 0)
      give_up("what came back is not what was sent");
  }
}

static void run_one(const struct burst *burst, bool is_first, struct burst_result *result)
{
  subject_freeze(burst->subject);
  send_all(burst);
  int64_t used = subject_processor(burst->subject), began = clock_now();
  subject_thaw(burst->subject);
  receive_all(burst, is_first);
  if (is_first) return;
  result->elapsed += clock_now() - began;
  result->used += subject_processor(burst->subject) - used;
  result->answers += (uint64_t)burst->options->connections * burst->options->lines;
}

void burst_run(const struct traffic_options *options, const struct subject *subject, double seconds,
               struct burst_result *result)
{
  struct burst *burst = burst_new(options, subject);
  *result = (struct burst_result){0};
  run_one(burst, true, result);
  while ((double)result->elapsed < seconds * one_second) run_one(burst, false, result);
  burst_free(burst);
}
