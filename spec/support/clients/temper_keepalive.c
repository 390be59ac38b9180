/* temper_keepalive.c - clients of HTTP that keep their connections.
 *
 *   asking ──whole reply──> pausing ──> asking ...
 *
 * A connection that the server closes between two requests, or behind a reply that says so, is replaced by a new one:
 * nobody is harmed. A request that was sent and not answered is lost.
 */
#include "temper.h"

enum { N, PAUSE, SECONDS };
enum { ASKING, PAUSING };

static const double refused_pause = 0.001;
enum { READ_A_STEP = 1 << 16 };

static const struct parameter keepalive_parameters[] = {
  {"n", 100, NULL, "how many"},
  {"pause", 200, NULL,
   "ms between a reply and the next request, half as much to half as much again"},
  {"seconds", 3, NULL, "how long; then each finishes its request"},
  {NULL, 0, NULL, NULL},
};

static void keepalive_start(struct temper *temper)
{
  double now = clock_now();
  temper->ends_at = now + temper->value[SECONDS];
  alarm_set(temper->engine, &temper->alarm, now);
}

static void end_pauses(struct temper *temper)
{
  for (struct client *client = temper->clients, *next; client; client = next) {
    next = client->next;
    if (client->phase == TALKING && client->stage == PAUSING) client_end(client, ENDED);
  }
}

static void keepalive_turn(struct temper *temper)
{
  if (temper->engine->now >= temper->ends_at) {
    temper->over = true;
    end_pauses(temper);
    return;
  }
  size_t missing = (size_t)temper->value[N] - temper->live;
  for (; missing > 0; missing--) client_open(temper);
  if (temper->alarm.place == 0) alarm_set(temper->engine, &temper->alarm, temper->ends_at);
}

static void keepalive_let_go(struct temper *temper)
{
  temper->ends_at = temper->engine->now;
  alarm_set(temper->engine, &temper->alarm, temper->ends_at);
}

static void keepalive_prepare(struct client *client, uint64_t number)
{
  (void)number;
  client_ask_http(client, false);
}

/* Spread evenly: clients that ask together come apart. */
static double next_pause(const struct temper *temper)
{
  double spread = (double)(temper->tally.count[REQUESTS] * 7919 % 1000) / 1000;
  return temper->value[PAUSE] / 1e3 * (0.5 + spread);
}

/* True when the connection has ended meanwhile. */
static bool has_ended(struct client *client)
{
  enum reading reading = client_discard(client);
  if (reading == READ_EOF) client_end(client, ENDED);
  else if (reading == READ_ERROR) client_end(client, RESET);
  return reading == READ_EOF || reading == READ_ERROR;
}

static void keepalive_rest(struct client *client)
{
  struct temper *temper = client->temper;
  temper->tally.count[REQUESTS]++;
  crowd_client_ready(client);
  if (client->reply.closes || temper->over) {
    client_end(client, ENDED);
    return;
  }
  client->stage = PAUSING;
  client->next_act = temper->engine->now + next_pause(temper);
  if (!has_ended(client)) client_again(client, client->next_act);
}

static void keepalive_step(struct client *client)
{
  if (client->stage == PAUSING) {
    if (has_ended(client)) return;
    if (client->temper->engine->now < client->next_act) {
      client_again(client, client->next_act);
      return;
    }
    client->stage = ASKING;
    client_ask_http(client, false);
  }
  client_send(client);
  enum reading reading = client_read(client, READ_A_STEP);
  if (reading == READ_WHOLE) keepalive_rest(client);
  else client_settle(client, reading);
}

static void keepalive_ended(struct client *client, enum count outcome)
{
  struct temper *temper = client->temper;
  if (temper->over) return;
  double due = temper->engine->now + (outcome == REFUSED ? refused_pause : 0);
  if (temper->alarm.place == 0 || due < temper->alarm.due)
    alarm_set(temper->engine, &temper->alarm, due);
}

static bool keepalive_is_ready(const struct temper *temper)
{
  return temper->ready >= (size_t)temper->value[N];
}
static bool keepalive_is_over(const struct temper *temper)
{
  return temper->over && temper->live == 0;
}

const struct temper_kind kind_keepalive = {
  .name = "keepalive",
  .help = "ask over HTTP again and again on one connection, and on a new one when it ends",
  .parameters = keepalive_parameters,
  .start = keepalive_start,
  .turn = keepalive_turn,
  .let_go = keepalive_let_go,
  .is_ready = keepalive_is_ready,
  .is_over = keepalive_is_over,
  .prepare = keepalive_prepare,
  .step = keepalive_step,
  .ended = keepalive_ended,
};
