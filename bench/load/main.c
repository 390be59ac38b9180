/* main.c - one measurement of one server: starts it, loads it, ends it, prints one line of figures.
 *
 *   load [option]... -- SERVER [argument]...
 *
 * What is printed, in order, as name=number:
 *   rate        lines answered a second
 *   cpu         microseconds of the server's processor time for each
 *   p50 p99 p999  microseconds from sending a message to its answer
 *   busy        the share of its time that the server worked
 *   load_busy   the same of the load generator
 *   failed      connections that ended too early
 *   exit        milliseconds from SIGTERM to the end of the server
 *   status      0 when it ended well
 * and whatever the server itself prints after its port. Exit status: 0 all measured, 2 wrong usage,
 * 3 the measurement is void.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common.h"
#include "subject.h"
#include "traffic.h"

static const double end_within = 60; /* seconds for a server to end */

struct options {
  struct traffic_options traffic;
  double warm, seconds;
  int server_processor, load_processor;
  char **command;
};

static const char usage[] =
  "usage: load [option]... -- SERVER [argument]...\n"
  "  --connections N    that wait for answers (64)\n"
  "  --size N           bytes of a line, newline included (64)\n"
  "  --lines N          lines in a message (1)\n"
  "  --depth N          messages under way on each connection (1)\n"
  "  --close            connect anew for each message\n"
  "  --warm S           seconds before the measurement, in which what comes back is checked (0.1)\n"
  "  --seconds S        of measurement (0.3)\n"
  "  --server-cpu N     the processor of the server; -1: any (0)\n"
  "  --load-cpu N       the processor of the load generator; -1: any (1)\n";

static _Noreturn void misused(const char *what)
{
  fprintf(stderr, "load: %s\n%s", what, usage);
  exit(2);
}

/* ---- the command line ---- */

static double number(const char *option, const char *text)
{
  char *end = NULL;
  double value = text ? strtod(text, &end) : 0;
  if (!text || end == text || *end) misused(option);
  return value;
}

static bool read_value(struct options *options, const char *name, const char *text)
{
  struct traffic_options *traffic = &options->traffic;
  if (strcmp(name, "--connections") == 0) traffic->connections = (unsigned)number(name, text);
  else if (strcmp(name, "--size") == 0) traffic->size = (size_t)number(name, text);
  else if (strcmp(name, "--lines") == 0) traffic->lines = (unsigned)number(name, text);
  else if (strcmp(name, "--depth") == 0) traffic->depth = (unsigned)number(name, text);
  else if (strcmp(name, "--warm") == 0) options->warm = number(name, text);
  else if (strcmp(name, "--seconds") == 0) options->seconds = number(name, text);
  else if (strcmp(name, "--server-cpu") == 0) options->server_processor = (int)number(name, text);
  else if (strcmp(name, "--load-cpu") == 0) options->load_processor = (int)number(name, text);
  else return false;
  return true;
}

static void read_command_line(struct options *options, char **argument)
{
  for (argument++; *argument && strcmp(*argument, "--") != 0; argument++) {
    if (strcmp(*argument, "--close") == 0) options->traffic.close_each = true;
    else if (read_value(options, argument[0], argument[1])) argument++;
    else misused(*argument);
  }
  if (!*argument || !argument[1]) misused("no server");
  options->command = argument + 1;
  if (options->traffic.depth < 1 || options->traffic.depth > TRAFFIC_DEPTH) misused("--depth");
  if (options->traffic.lines < 1 || options->traffic.size < 1) misused("--lines, --size");
}

/* ---- the measurement ---- */

static void measure_traffic(const struct options *options, const struct subject *subject)
{
  static struct traffic_result result;
  struct traffic *traffic = traffic_new(&options->traffic);
  traffic_run(traffic, options->warm, true, &result);
  int64_t server = subject_processor(subject), own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  traffic_run(traffic, options->seconds, false, &result);
  double elapsed = (double)result.elapsed, answers = (double)result.answers;
  double used = (double)(subject_processor(subject) - server);
  double own_used = (double)(read_clock(CLOCK_PROCESS_CPUTIME_ID) - own);
  printf("rate=%.0f cpu=%.4f p50=%.2f p99=%.2f p999=%.2f busy=%.3f load_busy=%.3f failed=%llu ",
         answers / elapsed * one_second, answers > 0 ? used / answers / 1e3 : 0,
         histogram_quantile(&result.latencies, 0.5) / 1e3,
         histogram_quantile(&result.latencies, 0.99) / 1e3,
         histogram_quantile(&result.latencies, 0.999) / 1e3, used / elapsed, own_used / elapsed,
         (unsigned long long)result.failed);
  traffic_free(traffic);
}

static void end_subject(struct subject *subject)
{
  struct subject_end end;
  int64_t stopped = clock_now();
  subject_stop(subject);
  subject_wait(subject, stopped, end_within, &end);
  printf("exit=%.1f status=%d %s\n", (double)end.elapsed / 1e6, end.status, end.said);
}

int main(int argc, char **argv)
{
  struct options options = {
    .traffic = {.connections = 64, .depth = 1, .lines = 1, .size = 64},
    .warm = 0.1,
    .seconds = 0.3,
    .load_processor = 1,
  };
  struct subject subject;
  (void)argc;
  read_command_line(&options, argv);
  subject_start(&subject, options.command, options.server_processor);
  run_on(options.load_processor);
  options.traffic.port = subject.port;
  if (options.traffic.connections > 0) measure_traffic(&options, &subject);
  end_subject(&subject);
  return 0;
}
