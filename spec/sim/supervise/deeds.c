/* deeds.c - what operators do, and the kills. */
#include <signal.h>
#include <string.h>

#include "world.h"

static const lc_time ANSWER_WITHIN = 120 * LC_SECOND;

static const char *const NAMES[DEED_KINDS] = {"reload", "SIGHUP",        "grow",
                                              "shrink", "kill a worker", "kill the master"};

const char *build_name(build kind)
{
  static const char *const names[BUILD_KINDS] = {"good",   "unparsable", "dies",   "hangs",
                                                 "blocks", "unready",    "crashes"};
  return names[kind];
}

void deploy(world *in, build kind)
{
  in->builds[++in->version] = kind;
  if (kind != BUILD_GOOD) in->has_bad_build = 1;
  sim_disk_put(in->kernel, SCRIPT, in->version, (lc_time)in->version * LC_SECOND);
  tell(in, "deploys version %u: %s", in->version, build_name(kind));
}

static const lc_time EFFECTS = 6 * LC_SECOND; /* a worker is replaced, or drains */
static const lc_time TWO_RELOADS = 25 * LC_SECOND;

static void be_quiet_after(world *in, lc_time time)
{
  time += sim_now(in->kernel);
  if (time > in->quiet_from) in->quiet_from = time;
}

/* ---------------------------------------------------------------------------- asking -- */

/* 1: ok; 0: an error, with its reason; or a code. `lines`, if not NULL: how many there were
 * before the last. */
static int ask(sim_process *process, const char *word, char *answer, size_t size, unsigned *lines)
{
  int fd = wire_connect(process, 1, CONTROL_PATH, ANSWER_WITHIN), got;
  if (fd < 0) return fd;
  if (lines) *lines = 0;
  wire_say(process, fd, word);
  wire_say(process, fd, "\n");
  do {
    got = wire_read_line(process, fd, answer, size, ANSWER_WITHIN);
    if (lines && got >= 0) ++*lines;
  } while (got >= 0 && strcmp(answer, "ok") != 0 && strncmp(answer, "error", 5) != 0);
  wire_close(process, fd);
  if (got < 0) return got;
  return strcmp(answer, "ok") == 0;
}

/* Nobody may answer when the service ends meanwhile. */
static int may_fail(const world *in) { return in->is_stopped || in->has_crashed_master; }

/* The truth about a reload of `version`, unless something else has happened meanwhile. */
static void judge_reload(world *in, unsigned version, unsigned crashes, int result,
                         const char *answer)
{
  build kind = in->builds[version];
  if (result < 0 || may_fail(in)) return;
  if (result && in->served < version) in->served = version;
  if (in->version != version || in->crashes != crashes) return;
  if (result && kind != BUILD_GOOD)
    fail(in, "the reload of a build that %s succeeds", build_name(kind));
  if (!result && kind == BUILD_GOOD) fail(in, "the reload of a good build fails: %s", answer);
}

static void order(deed *d, const char *word)
{
  world *in = d->in;
  char answer[512];
  unsigned version = in->version, crashes = in->crashes;
  int result = ask(d->process, word, answer, sizeof answer, NULL);
  tell(in, "%s: %s", word, result < 0 ? lc_code_name(result) : answer);
  if (result < 0 && !may_fail(in)) fail(in, "%s: no answer: %s", word, lc_code_name(result));
  if (result == 1 && d->kind == DEED_GROW) in->serving++;
  if (result == 1 && d->kind == DEED_SHRINK) in->serving--;
  if (d->kind == DEED_RELOAD) judge_reload(in, version, crashes, result, answer);
}

static void reload(deed *d)
{
  deploy(d->in, d->build);
  order(d, "reload");
  if (d->build != BUILD_GOOD) deploy(d->in, BUILD_GOOD);
}

static void hang_up(deed *d)
{
  deploy(d->in, BUILD_GOOD);
  for (unsigned i = 0; i < d->which; i++) {
    sim_process_signal(d->in->master->process, SIGHUP);
    sim_pause(d->process, (lc_time)below(d->in, 200 * LC_MILLISECOND));
  }
  be_quiet_after(d->in, TWO_RELOADS);
}

/* --------------------------------------------------------------------------- killing -- */

/* One of those that run, the master left out. */
static program *any_worker(world *in, unsigned which)
{
  unsigned count = 0;
  program *found = NULL;
  for (program *one = in->programs; one; one = one->next)
    if (one != in->master && !sim_process_is_over(one->process)) count++;
  if (!count) return NULL;
  which %= count;
  for (program *one = in->programs; one && !found; one = one->next)
    if (one != in->master && !sim_process_is_over(one->process) && which-- == 0) found = one;
  return found;
}

static void kill_one(deed *d, program *victim)
{
  world *in = d->in;
  if (!victim) return;
  tell(in, "%d is to be killed after %llu calls", sim_process_id(victim->process),
       (unsigned long long)d->calls);
  sim_process_crash(victim->process, d->calls);
  while (!sim_process_is_over(victim->process)) sim_pause(d->process, LC_MILLISECOND);
}

/* The kernel calls it at once. */
void program_crashed(void *user, sim_process *process)
{
  world *in = user;
  int is_master = in->master && in->master->process == process;
  tell(in, "%d is killed", sim_process_id(process));
  in->crashes++;
  in->crashed_at = sim_now(in->kernel);
  be_quiet_after(in, EFFECTS);
  if (is_master) in->has_crashed_master = 1;
  else in->has_crashed_worker = 1;
}

/* ------------------------------------------------------------------------------ runs -- */

void deed_run(void *user)
{
  deed *d = user;
  world *in = d->in;
  while (!in->master) sim_pause(d->process, 1);
  while (!in->serves_at && !d->is_early) sim_pause(d->process, 10 * LC_MILLISECOND);
  sim_pause(d->process, d->at);
  if (sim_process_is_over(in->master->process)) return;
  tell(in, "deed: %s", NAMES[d->kind]);
  in->busy++;
  switch (d->kind) {
    case DEED_RELOAD: reload(d); break;
    case DEED_HANG_UP: hang_up(d); break;
    case DEED_GROW: order(d, "grow"); break;
    case DEED_SHRINK: order(d, "shrink"); break;
    case DEED_KILL_WORKER: kill_one(d, any_worker(in, d->which)); break;
    default: kill_one(d, in->master); break;
  }
  in->busy--;
  be_quiet_after(in, EFFECTS);
}

static void start_console(world *in, int fd)
{
  in->console.in = in;
  in->console.process = run_c(in, 1, console_run, &in->console);
  in->console.fd = 3;
  sim_process_give(in->init, fd, in->console.process, in->console.fd);
}

static int start_master(world *in)
{
  static const char *const names[] = {"0", "1", "2", "3", "4"};
  const char *argv[] = {"lua",       "bin/lastcall", "serve",   "--workers", names[in->workers],
                        "--control", CONTROL_PATH,   "--drain", "5",         SCRIPT,
                        NULL,        NULL,           NULL};
  if (in->is_given)
    memcpy(&argv[9], (const char *[]){"--listen", ADDRESS, SCRIPT}, 3 * sizeof *argv);
  const char *const env[] = {NULL};
  const lc_sys *sys = sim_process_sys(in->init);
  int fds[2];
  lc_start_step step;
  sys->pipe(sys, fds);
  start_console(in, fds[0]);
  const lc_child_fd given = {.there = 2, .here = fds[1]};
  int pid = sys->spawn(
    sys, &(lc_subprocess_options){.argv = argv, .env = env, .fds = &given, .fd_count = 1}, NULL,
    &step);
  sys->close(sys, fds[0]);
  sys->close(sys, fds[1]);
  return pid;
}

/* Until the service serves, or has ended. */
static void await_service(world *in)
{
  char answer[512];
  while (!sim_process_is_over(in->master->process)) {
    unsigned lines;
    if (ask(in->init, "status", answer, sizeof answer, &lines) == 1) break;
    sim_pause(in->init, 20 * LC_MILLISECOND);
  }
  in->is_stopped = sim_process_is_over(in->master->process);
  tell(in, in->is_stopped ? "the service has not begun" : "the service serves");
  if (in->is_stopped && !in->crashes) fail(in, "the service does not begin");
  in->serves_at = sim_now(in->kernel);
}

/* When nothing is done, all workers serve, and there are no others. */
static void count_workers(world *in)
{
  char answer[512];
  unsigned lines;
  if (in->busy || sim_now(in->kernel) < in->quiet_from || (in->has_bad_build && in->crashes) ||
      may_fail(in))
    return;
  if (ask(in->init, "status", answer, sizeof answer, &lines) != 1 || may_fail(in) || in->busy)
    return;
  if (lines - 1 != in->serving) fail(in, "there are %u workers, not %u", lines - 1, in->serving);
}

/* The time that the workers may take, and their leeway. */
static const lc_time STOPPED_WITHIN = (DRAIN + 3) * LC_SECOND;

static void stop(world *in)
{
  tell(in, "SIGTERM");
  in->is_stopped = 1;
  in->stopped_at = sim_now(in->kernel);
  sim_process_signal(in->master->process, SIGTERM);
  while (!sim_process_is_over(in->master->process)) {
    sim_pause(in->init, 10 * LC_MILLISECOND);
    if (sim_now(in->kernel) < in->stopped_at + STOPPED_WITHIN) continue;
    fail(in, "the service has not ended %d s after SIGTERM", DRAIN + 3);
    return;
  }
}

void init_run(void *user)
{
  world *in = user;
  start_master(in);
  await_service(in);
  in->serving = in->workers;
  sim_pause(in->init, in->stops_at);
  count_workers(in);
  stop(in);
}
