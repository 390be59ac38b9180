/* temper_storm.c - clients that come one after the other, and those that come too late.
 *
 * storm: connect, one request, the whole reply, close; at a fixed rate or with a
 * fixed number in flight; for a time, or until connects have been refused for a
 * while. latecomer: the same, but it begins when the bell rings.
 */
#include <stdio.h>

#include "temper.h"

enum { RATE, FLIGHT, SECONDS, COUNT, UNTIL_REFUSED, MS, SIZE, CLOSE, SPEAK };
enum { EVERY, FOR };

static const double refused_pause = 0.001, local_pause = 0.010, most_behind = 0.25;
enum { OPEN_A_TURN = 256, FLIGHT_FLAT_OUT = 64, FLIGHT_AT_RATE = 8192 };

static const struct parameter storm_parameters[] = {
  {"rate", 0, NULL, "connects a second; 0 is flat out"},
  {"flight", 0, NULL, "how many at once (64 flat out, 8192 at a rate)"},
  {"seconds", 3, NULL, "how long new ones come"},
  {"count", 1e6, NULL, "how many at most"},
  {"until_refused", 0, NULL, "ends once every connect was refused for so many ms"},
  {"ms", 0, NULL, "asks `slow MS` instead of `echo`"},
  {"size", 0, NULL, "asks `big SIZE` instead of `echo`"},
  {"close", 0, "fin|reset", "how it leaves once served"},
  {"speak", 0, "lines|http", "with http: a GET, the last one of its connection"},
  {NULL, 0, NULL, NULL},
};

static const struct parameter latecomer_parameters[] = {
  {"every", 1, NULL, "ms between two connects"},
  {"seconds", 2, NULL, "how long after the bell"},
  {NULL, 0, NULL, NULL},
};

/* The settings of both kinds, in the words of a storm. */
static double setting(const struct temper *temper, int which)
{
  if (temper->kind == &kind_storm) return temper->value[which];
  switch (which) {
    case RATE: return 1000 / (temper->value[EVERY] > 0 ? temper->value[EVERY] : 1);
    case SECONDS: return temper->value[FOR];
    case COUNT: return 1e6;
    default: return 0;
  }
}

static size_t flight(const struct temper *temper)
{
  double asked = setting(temper, FLIGHT);
  if (asked >= 1) return (size_t)asked;
  return setting(temper, RATE) > 0 ? FLIGHT_AT_RATE : FLIGHT_FLAT_OUT;
}

static void begin(struct temper *temper)
{
  double now = clock_now();
  temper->next_open = now;
  temper->ends_at = now + setting(temper, SECONDS);
  temper->refused_since = -1;
  alarm_set(temper->engine, &temper->alarm, now);
}

static bool has_ended(const struct temper *temper)
{
  double now = temper->engine->now, patience = setting(temper, UNTIL_REFUSED) / 1e3;
  return now >= temper->ends_at || (double)temper->tally.count[OPENED] >= setting(temper, COUNT) ||
         (patience > 0 && temper->refused_since >= 0 && now - temper->refused_since >= patience);
}

static void open_at_rate(struct temper *temper)
{
  double now = temper->engine->now, step = 1 / setting(temper, RATE);
  if (now - temper->next_open > most_behind) temper->next_open = now;
  for (int i = 0; i < OPEN_A_TURN && temper->next_open <= now; i++) {
    if (temper->live < flight(temper)) client_open(temper);
    temper->next_open += step;
  }
  alarm_set(temper->engine, &temper->alarm, temper->next_open);
}

/* Where connects are refused they cost nothing, so one a millisecond must do. */
static void open_flat_out(struct temper *temper)
{
  double now = temper->engine->now;
  int most = temper->refused_since >= 0 ? 1 : OPEN_A_TURN;
  for (int i = 0; i < most && temper->live < flight(temper) && now >= temper->pause_until; i++)
    client_open(temper);
  double next = temper->live < flight(temper) ? temper->pause_until : temper->ends_at;
  alarm_set(temper->engine, &temper->alarm, next > now ? next : now);
}

static void storm_turn(struct temper *temper)
{
  if (has_ended(temper)) temper->over = true;
  else if (setting(temper, RATE) > 0) open_at_rate(temper);
  else open_flat_out(temper);
}

static void storm_let_go(struct temper *temper)
{
  temper->ends_at = temper->engine->now;
  alarm_set(temper->engine, &temper->alarm, temper->ends_at);
}

static void storm_ended(struct client *client, enum count outcome)
{
  struct temper *temper = client->temper;
  double now = temper->engine->now;
  if (outcome == REFUSED) {
    if (temper->refused_since < 0) temper->refused_since = now;
    temper->pause_until = now + refused_pause;
  } else if (outcome == LOCAL) {
    temper->pause_until = now + local_pause;
  } else if (outcome == SERVED) {
    temper->refused_since = -1;
  }
  bool flat_out = setting(temper, RATE) <= 0;
  if (temper->over || !flat_out) return;
  double next = temper->pause_until > now ? temper->pause_until : now;
  if (temper->alarm.place == 0 || next < temper->alarm.due)
    alarm_set(temper->engine, &temper->alarm, next);
}

static void storm_prepare(struct client *client, uint64_t number)
{
  const struct temper *temper = client->temper;
  char tail[32];
  if (setting(temper, SPEAK) > 0) {
    client_ask_http(client, true);
    return;
  }
  double size = setting(temper, SIZE);
  if (size > 0) {
    client_say(client, 0, "big %.0f\n", size);
    client_expect(client, (uint64_t)size, "\n");
    return;
  }
  snprintf(tail, sizeof tail, "x%llu\n", (unsigned long long)number);
  if (setting(temper, MS) > 0) client_say(client, 0, "slow %.0f %s", setting(temper, MS), tail);
  else client_say(client, 0, "echo %s", tail);
  client_expect(client, 0, tail);
}

static void storm_step(struct client *client)
{
  if (setting(client->temper, CLOSE) > 0) client_abort_on_close(client);
  client_send(client);
  exchange_read(client, 0);
}

static bool storm_is_ready(const struct temper *temper) { return temper->tally.count[SERVED] > 0; }
static bool storm_is_over(const struct temper *temper) { return temper->over && temper->live == 0; }

static bool always_ready(const struct temper *temper)
{
  (void)temper;
  return true;
}

static void wait_for_bell(struct temper *temper) { (void)temper; }

const struct temper_kind kind_storm = {
  .name = "storm",
  .help = "connect, ask, read the whole reply, close; again and again",
  .parameters = storm_parameters,
  .start = begin,
  .turn = storm_turn,
  .let_go = storm_let_go,
  .is_ready = storm_is_ready,
  .is_over = storm_is_over,
  .prepare = storm_prepare,
  .step = storm_step,
  .ended = storm_ended,
};

const struct temper_kind kind_latecomer = {
  .name = "latecomer",
  .help = "connects again and again once the server has been told to stop",
  .parameters = latecomer_parameters,
  .start = wait_for_bell,
  .turn = storm_turn,
  .bell = begin,
  .is_ready = always_ready,
  .is_over = storm_is_over,
  .prepare = storm_prepare,
  .step = storm_step,
  .ended = storm_ended,
};
