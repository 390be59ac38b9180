/* measure.c - the phases of a measurement, in the order in which they happen. */
#include "measure.h"

#include <signal.h>
#include <stdio.h>

#include "burst.h"
#include "common.h"
#include "subject.h"

static const double end_within = 120; /* seconds for a server to end */

static double microseconds(double nanoseconds) { return nanoseconds / 1e3; }
static double milliseconds(double nanoseconds) { return nanoseconds / 1e6; }

static void pause_for(double seconds)
{
  struct timespec time = {.tv_sec = (time_t)seconds,
                          .tv_nsec = (long)((seconds - (double)(time_t)seconds) * one_second)};
  nanosleep(&time, NULL);
}

/* What the server uses for each connection of the crowd while this is done to all. */
static void print_cost(const char *name, const struct subject *subject, struct crowd *crowd,
                       unsigned count, void (*act)(struct crowd *))
{
  int64_t used = subject_processor(subject), began = clock_now();
  act(crowd);
  double elapsed = (double)(clock_now() - began);
  printf("%s_cpu=%.3f %s_seconds=%.3f ", name,
         microseconds((double)(subject_processor(subject) - used) / count), name,
         elapsed / one_second);
}

/* ---- the phases ---- */

static struct crowd *hold_idle(const struct measurement *wanted, const struct subject *subject)
{
  unsigned count = wanted->idle.count;
  struct crowd *crowd = crowd_new(&wanted->idle);
  int64_t before = subject_memory(subject);
  print_cost("accept", subject, crowd, count, crowd_connect);
  if (!wanted->silent) {
    print_cost("first", subject, crowd, count, crowd_speak);
    print_cost("request", subject, crowd, count, crowd_speak);
  }
  pause_for(wanted->settle);
  printf("memory=%.0f ", (double)(subject_memory(subject) - before) / count);
  return crowd;
}

static struct crowd *hold_slow(const struct measurement *wanted)
{
  struct crowd_options options = wanted->idle;
  options.count = wanted->slow;
  options.holders = 1;
  struct crowd *crowd = crowd_new(&options);
  crowd_connect(crowd);
  crowd_dawdle(crowd);
  return crowd;
}

static void measure_traffic(const struct measurement *wanted, const struct subject *subject)
{
  static struct traffic_result result;
  struct traffic *traffic = traffic_new(&wanted->traffic);
  traffic_run(traffic, wanted->warm, true, &result);
  if (wanted->mark) kill(subject->process[0], SIGUSR2);
  int64_t server = subject_processor(subject);
  traffic_run(traffic, wanted->seconds, false, &result);
  double elapsed = (double)result.elapsed, answers = (double)result.answers;
  double used = (double)(subject_processor(subject) - server);
  const struct histogram *latencies = &result.latencies;
  printf("rate=%.0f cpu=%.4f p50=%.2f p99=%.2f p999=%.2f busy=%.3f failed=%llu ",
         answers / elapsed * one_second, answers > 0 ? microseconds(used / answers) : 0,
         microseconds(histogram_quantile(latencies, 0.5)),
         microseconds(histogram_quantile(latencies, 0.99)),
         microseconds(histogram_quantile(latencies, 0.999)), used / elapsed,
         (unsigned long long)result.failed);
  traffic_free(traffic);
}

static void measure_bursts(const struct measurement *wanted, const struct subject *subject)
{
  struct burst_result result;
  burst_run(&wanted->traffic, subject, wanted->seconds, &result);
  double answers = (double)result.answers, used = (double)result.used;
  printf("rate=%.0f cpu=%.4f busy=%.3f capacity=%.0f ",
         answers / (double)result.elapsed * one_second, microseconds(used / answers),
         used / (double)result.elapsed, answers / used * one_second * subject_servers(subject));
}

/* Stops the server; what remains of the crowd is what it has to close. */
static void end_all(const struct measurement *wanted, struct subject *subject, struct crowd *crowd)
{
  struct subject_end end;
  struct crowd_end closed;
  if (crowd) crowd_watch(crowd);
  int64_t used = subject_processor(subject), stopped = clock_now();
  subject_stop(subject);
  if (crowd) {
    crowd_finish(crowd, &closed);
    printf("eof=%.1f lost=%llu ", milliseconds((double)(closed.last - stopped)),
           (unsigned long long)closed.lost);
  }
  subject_wait(subject, stopped, end_within, &end);
  if (crowd)
    printf("close_cpu=%.3f ", microseconds((double)(end.processor - used) / wanted->idle.count));
  printf("exit=%.1f status=%d %s\n", milliseconds((double)end.elapsed), end.status, end.said);
}

void measure(struct measurement *wanted)
{
  struct subject subject;
  struct crowd *idle = NULL, *slow = NULL;
  subject_start(&subject, wanted->command, wanted->server_processor);
  run_on(wanted->load_processor);
  wanted->traffic.port = wanted->idle.port = subject.port;
  if (wanted->idle.count > 0) idle = hold_idle(wanted, &subject);
  int64_t before = subject_memory(&subject);
  if (wanted->slow > 0) slow = hold_slow(wanted);
  if (wanted->burst) measure_bursts(wanted, &subject);
  else if (wanted->traffic.connections > 0) measure_traffic(wanted, &subject);
  if (slow) {
    printf("slow_memory=%.0f ", (double)(subject_memory(&subject) - before) / wanted->slow);
    crowd_leave(slow);
  }
  end_all(wanted, &subject, idle);
}
