/* main.c - one measurement of one server: starts it, loads it, ends it, prints one line of figures.
 *
 *   load [option]... -- SERVER [argument]...
 *
 * They are printed as name=number; those of a phase that was not wanted are absent:
 *   accept_cpu first_cpu request_cpu close_cpu   microseconds of the server's processor time for
 *                     each idle connection: to accept it, for its first request, a second, its end
 *   accept_seconds first_seconds request_seconds  how long that took for all of them
 *   memory            bytes of the server's for each idle connection
 *   rate              lines answered a second
 *   cpu               microseconds of the server's processor time for each
 *   p50 p99 p999      microseconds from sending a message to its answer
 *   busy              the share of its time that the server worked; the load generator, which has a
 *                     processor of its own, never sleeps
 *   capacity          with --burst: lines a second, if each process had a processor all of the time
 *   failed            connections that ended too early
 *   slow_memory       bytes of the server's for each slow reader
 *   eof lost          milliseconds from SIGTERM until the last idle connection saw its end, and
 *                     how many saw another one
 *   exit status       milliseconds from SIGTERM until the server was gone; its status as of wait(2)
 * and whatever the server itself prints after its port. Exit status: 0 all measured, 2 wrong usage,
 * 3 the measurement is void.
 */
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "measure.h"

enum { HELD_BY_ONE = 19000 };

static const char usage[] =
  "usage: load [option]... -- SERVER [argument]...\n"
  "  --connections N    that wait for answers (64)\n"
  "  --size N           bytes of a line, newline included (64)\n"
  "  --lines N          lines in a message (1)\n"
  "  --depth N          messages under way on each connection (1)\n"
  "  --close            connect anew for each message\n"
  "  --websocket        each message is one of WebSocket\n"
  "  --burst            one message on each connection while the server stands still, then all "
  "answers\n"
  "  --idle N           connections that say two words and are then silent (0)\n"
  "  --silent           they do not even say those\n"
  "  --http             they speak HTTP\n"
  "  --slow N           connections that send much and read little, meanwhile (0)\n"
  "  --mark             SIGUSR2 tells the server when the measurement begins\n"
  "  --settle S         seconds before the memory is read (0.2)\n"
  "  --warm S           seconds before the measurement, in which what comes back is checked (0.1)\n"
  "  --seconds S        of measurement (0.3)\n"
  "  --server-cpu N     the processor of the server; -1: any (0)\n"
  "  --load-cpu N       the processor of the load generator; -1: any (1)\n";

static _Noreturn void misused(const char *what)
{
  fprintf(stderr, "load: what is this: %s\n%s", what, usage);
  exit(2);
}

static double number(const char *option, const char *text)
{
  char *end = NULL;
  double value = text ? strtod(text, &end) : 0;
  if (!text || end == text || *end) misused(option);
  return value;
}

/* Options that stand alone. */
static bool read_flag(struct measurement *wanted, const char *name)
{
  if (strcmp(name, "--close") == 0) wanted->traffic.close_each = true;
  else if (strcmp(name, "--websocket") == 0) wanted->traffic.websocket = true;
  else if (strcmp(name, "--silent") == 0) wanted->silent = true;
  else if (strcmp(name, "--burst") == 0) wanted->burst = true;
  else if (strcmp(name, "--mark") == 0) wanted->mark = true;
  else if (strcmp(name, "--http") == 0) {
    wanted->idle.request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    wanted->idle.any_answer = true;
  } else return false;
  return true;
}

/* Options that have a number. */
static bool read_value(struct measurement *wanted, const char *name, const char *text)
{
  struct traffic_options *traffic = &wanted->traffic;
  if (strcmp(name, "--connections") == 0) traffic->connections = (unsigned)number(name, text);
  else if (strcmp(name, "--size") == 0) traffic->size = (size_t)number(name, text);
  else if (strcmp(name, "--lines") == 0) traffic->lines = (unsigned)number(name, text);
  else if (strcmp(name, "--depth") == 0) traffic->depth = (unsigned)number(name, text);
  else if (strcmp(name, "--idle") == 0) wanted->idle.count = (unsigned)number(name, text);
  else if (strcmp(name, "--slow") == 0) wanted->slow = (unsigned)number(name, text);
  else if (strcmp(name, "--settle") == 0) wanted->settle = number(name, text);
  else if (strcmp(name, "--warm") == 0) wanted->warm = number(name, text);
  else if (strcmp(name, "--seconds") == 0) wanted->seconds = number(name, text);
  else if (strcmp(name, "--server-cpu") == 0) wanted->server_processor = (int)number(name, text);
  else if (strcmp(name, "--load-cpu") == 0) wanted->load_processor = (int)number(name, text);
  else return false;
  return true;
}

static void read_command_line(struct measurement *wanted, char **argument)
{
  for (argument++; *argument && strcmp(*argument, "--") != 0; argument++) {
    if (read_flag(wanted, argument[0])) continue;
    if (!read_value(wanted, argument[0], argument[1])) misused(argument[0]);
    argument++;
  }
  if (!*argument || !argument[1]) misused("no server");
  wanted->command = argument + 1;
  if (wanted->traffic.depth < 1 || wanted->traffic.depth > TRAFFIC_DEPTH) misused("--depth");
  if (wanted->traffic.lines < 1) misused("--lines");
  if (wanted->traffic.size < 1) misused("--size");
  wanted->idle.holders = wanted->idle.count / HELD_BY_ONE + 1;
  wanted->idle.processor = wanted->load_processor;
  bool has_own = wanted->load_processor >= 0 && wanted->server_processor >= 0 &&
                 wanted->load_processor != wanted->server_processor;
  wanted->traffic.is_awake = wanted->idle.is_awake = has_own;
}

int main(int argc, char **argv)
{
  struct measurement wanted = {
    .traffic = {.connections = 64, .depth = 1, .lines = 1, .size = 64},
    .idle = {.request = "hello\n"},
    .warm = 0.1,
    .seconds = 0.3,
    .settle = 0.2,
    .load_processor = 1,
  };
  (void)argc;
  read_command_line(&wanted, argv);
  measure(&wanted);
  return 0;
}
