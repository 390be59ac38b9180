/* main.c - clients that judge a server from outside.
 *
 * Runs one or more tempers against one address, says READY when all the waiting
 * ones have connected and sent what they had to send, and at the end prints what
 * became of each client. Exit status: 0 each client got its answer, 1 some client
 * did not, 2 wrong usage, 3 the test itself could not be run.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "temper.h"

enum { MOST_TEMPERS = 32 };

static const double ready_check_every = 0.005;

struct options {
  const char *address;
  const char *ready_file;
  const char *times_file;
  double until;
  double delayed;
  double term_after;
  pid_t term;
  unsigned sources;
  bool json;
  bool names_lost;
};

struct run {
  struct options options;
  struct engine engine;
  struct temper tempers[MOST_TEMPERS];
  const char *settings[MOST_TEMPERS];
  size_t count;
  double next_check;
  double term_at; /* negative: not to be sent, or sent already */
  bool ready, spoiled;
};

static void print_help(void)
{
  puts(
    "usage: clients [option]... ADDRESS [--TEMPER [key=value,...]]...\n"
    "ADDRESS is host:port, :port, [v6]:port or unix:/path\n\n"
    "  --until SECONDS    hard stop for everything (30)\n"
    "  --ready-file FILE  create FILE when READY is printed\n"
    "  --times FILE       a line there for each client that was served: when it came\n"
    "                     (seconds of the monotonic clock), how many ms it took\n"
    "  --term PID         send SIGTERM to PID once ready, and ring the bell\n"
    "  --term-after MS    so long after READY (0)\n"
    "  --sources N        come from N loopback addresses, 127.0.0.2 and on (1)\n"
    "  --delayed MS       a reply after so long counts as delayed (900)\n"
    "  --name-lost        a line on stderr for each client that was lost or cut short\n"
    "  --json             one JSON object a line\n\n"
    "Signals: USR1 rings the bell (the server has been told to stop), USR2 lets\n"
    "stalled clients go and ends storms, TERM and INT end everything and print.\n\n"
    "Tempers (each may be given several times; at=ADDRESS overrides the address):");
  for (int i = 0; temper_kinds[i]; i++) {
    const struct temper_kind *kind = temper_kinds[i];
    printf("\n  --%s: %s\n", kind->name, kind->help);
    for (const struct parameter *p = kind->parameters; p->key; p++) {
      printf("      %-14s %s", p->key, p->help);
      if (p->words) printf(": %s\n", p->words);
      else printf(" (%g)\n", p->fallback);
    }
  }
}

static _Noreturn void misused(const char *what, const char *which)
{
  fprintf(stderr, "clients: %s%s%s (see --help)\n", what, which ? ": " : "", which ? which : "");
  exit(2);
}

/* ---- the command line ---- */

static double number(const char *option, const char *text)
{
  char *end;
  double value = text ? strtod(text, &end) : -1;
  if (!text || end == text || *end != '\0' || value < 0) misused("expected a number for", option);
  return value;
}

/* True when it was one of the options that take a value. */
static bool read_option(struct options *options, const char *name, const char *value)
{
  if (strcmp(name, "--until") == 0) options->until = number(name, value);
  else if (strcmp(name, "--term") == 0) options->term = (pid_t)number(name, value);
  else if (strcmp(name, "--term-after") == 0) options->term_after = number(name, value) / 1e3;
  else if (strcmp(name, "--sources") == 0) options->sources = (unsigned)number(name, value);
  else if (strcmp(name, "--delayed") == 0) options->delayed = number(name, value) / 1e3;
  else if (strcmp(name, "--ready-file") == 0) options->ready_file = value;
  else if (strcmp(name, "--times") == 0) options->times_file = value;
  else return false;
  if (!value) misused("expected a value for", name);
  return true;
}

static const struct temper_kind *kind_named(const char *name)
{
  for (int i = 0; temper_kinds[i]; i++)
    if (strcmp(temper_kinds[i]->name, name) == 0) return temper_kinds[i];
  return NULL;
}

static void read_command_line(struct run *run, char **argument)
{
  struct options *options = &run->options;
  for (argument++; *argument; argument++) {
    const char *name = argument[0], *value = argument[1];
    if (strcmp(name, "--help") == 0) {
      print_help();
      exit(0);
    } else if (strcmp(name, "--json") == 0) {
      options->json = true;
    } else if (strcmp(name, "--name-lost") == 0) {
      options->names_lost = true;
    } else if (strncmp(name, "--", 2) != 0) {
      if (options->address) misused("one address only", name);
      options->address = name;
    } else if (read_option(options, name, value)) {
      argument++;
    } else {
      const struct temper_kind *kind = kind_named(name + 2);
      if (!kind) misused("no such option", name);
      if (run->count == MOST_TEMPERS) misused("too many tempers", NULL);
      temper_init(&run->tempers[run->count], &run->engine, kind);
      bool has_settings = value && value[0] != '-' && strchr(value, '=');
      run->settings[run->count++] = has_settings ? value : NULL;
      if (has_settings) argument++;
    }
  }
  if (!options->address) misused("no address", NULL);
  if (run->count == 0) misused("no temper", NULL);
}

static void set_up_tempers(struct run *run)
{
  struct address address;
  const char *why;
  if (!address_parse(run->options.address, &address, &why)) misused(run->options.address, why);
  for (size_t i = run->count; i-- > 0;) {
    struct temper *temper = &run->tempers[i];
    temper->address = address;
    temper->delayed = run->options.delayed;
    temper->sources = run->options.sources;
    const char *wrong = run->settings[i] ? temper_set(temper, run->settings[i]) : NULL;
    if (wrong) misused(wrong, NULL);
    temper->next = run->engine.tempers;
    run->engine.tempers = temper;
  }
}

/* Thousands of sockets: as many as the system lets us have. */
static void raise_descriptor_limit(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- the run ---- */

static void say_ready(struct run *run)
{
  run->ready = true;
  puts("READY");
  fflush(stdout);
  if (run->options.ready_file) {
    FILE *file = fopen(run->options.ready_file, "w");
    if (!file || fputs("READY\n", file) < 0 || fclose(file) != 0) give_up("--ready-file");
  }
  if (run->options.term > 0) run->term_at = run->engine.now + run->options.term_after;
}

static bool is_spoiled(const struct run *run)
{
  for (size_t i = 0; i < run->count; i++)
    if (run->tempers[i].spoiled) return true;
  return false;
}

static void check_ready(struct run *run)
{
  if (run->ready || run->engine.now < run->next_check) return;
  run->next_check = run->engine.now + ready_check_every;
  for (size_t i = 0; i < run->count; i++)
    if (!run->tempers[i].kind->is_ready(&run->tempers[i])) return;
  say_ready(run);
}

static void send_term(struct run *run)
{
  if (run->term_at < 0 || run->engine.now < run->term_at) return;
  run->term_at = -1;
  if (kill(run->options.term, SIGTERM) < 0) give_up("--term");
  tempers_bell(&run->engine);
}

static bool is_over(const struct run *run)
{
  for (size_t i = 0; i < run->count; i++)
    if (!run->tempers[i].kind->is_over(&run->tempers[i])) return false;
  return run->term_at < 0;
}

static void run_tempers(struct run *run)
{
  double stop_at = clock_now() + run->options.until;
  for (size_t i = 0; i < run->count; i++) run->tempers[i].kind->start(&run->tempers[i]);
  while (run->engine.now < stop_at && !run->engine.hurry && !is_spoiled(run) && !is_over(run)) {
    double deadline = stop_at;
    if (!run->ready && run->engine.now + ready_check_every < deadline)
      deadline = run->engine.now + ready_check_every;
    if (run->term_at >= 0 && run->term_at < deadline) deadline = run->term_at;
    engine_turn(&run->engine, deadline);
    check_ready(run);
    send_term(run);
  }
  run->engine.now = clock_now();
  run->spoiled = is_spoiled(run);
  for (size_t i = 0; i < run->count; i++) temper_stop(&run->tempers[i]);
  client_reap(&run->engine);
}

/* If the crowd was never complete, the run proves nothing, whatever became of its
 * clients. Otherwise a lost client counts more than one that we could not open. */
static int verdict(const struct run *run)
{
  bool our_fault = false;
  uint64_t harm = 0;
  for (size_t i = 0; i < run->count; i++) {
    const struct temper *temper = &run->tempers[i];
    harm += tally_harm(&temper->tally, temper->reset_is_harm);
    our_fault = our_fault || temper->tally.count[LOCAL] > 0;
  }
  if (run->spoiled) {
    fputs("clients: a client ended before it was ready\n", stderr);
    return 3;
  }
  return harm > 0 ? 1 : our_fault ? 3 : 0;
}

int main(int argc, char **argv)
{
  (void)argc;
  static struct run run;
  run.options = (struct options){.until = 30, .delayed = 0.9, .sources = 1};
  run.term_at = -1;
  read_command_line(&run, argv);
  raise_descriptor_limit();
  engine_open(&run.engine);
  run.engine.names_lost = run.options.names_lost;
  if (run.options.times_file) {
    run.engine.times = fopen(run.options.times_file, "w");
    if (!run.engine.times) give_up("--times");
  }
  set_up_tempers(&run);
  run_tempers(&run);
  for (size_t i = 0; i < run.count; i++)
    tally_print(&run.tempers[i].tally, run.tempers[i].kind->name, run.options.json, stdout);
  if (run.engine.times && fclose(run.engine.times) != 0) give_up("--times");
  engine_close(&run.engine);
  return verdict(&run);
}
