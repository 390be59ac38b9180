/* temper_request.c - clients whose request is under way when the server is told to stop.
 *
 * midwork: the whole request is sent, the server works on it.
 * twopart: half the request is sent, then a pause, then the rest.
 *   first half ──> pausing ──> second half, and the reply
 */
#include <stdio.h>

#include "temper.h"

/* ---- midwork ---- */

enum { MIDWORK_N, MIDWORK_BURST, MIDWORK_MS };

static const struct parameter midwork_parameters[] = {
  {"n", 100, NULL, "how many"},
  {"burst", 128, NULL, "how many may be connecting at once"},
  {"ms", 1000, NULL, "how long the server is to work on it"},
  {NULL, 0, NULL, NULL},
};

static void midwork_start(struct temper *temper)
{
  temper->ready_when_acknowledged = true;
  crowd_start(temper, temper->value[MIDWORK_N], temper->value[MIDWORK_BURST]);
}

static void midwork_prepare(struct client *client, uint64_t number)
{
  char tail[32];
  snprintf(tail, sizeof tail, "work%llu\n", (unsigned long long)number);
  client_say(client, 0, "slow %.0f %s", client->temper->value[MIDWORK_MS], tail);
  client_expect(client, 0, tail);
}

const struct temper_kind kind_midwork = {
  .name = "midwork",
  .help = "ask for something slow and wait for the reply",
  .parameters = midwork_parameters,
  .start = midwork_start,
  .turn = crowd_turn,
  .is_ready = crowd_is_ready,
  .is_over = crowd_is_over,
  .prepare = midwork_prepare,
  .step = exchange_step,
  .ended = crowd_ended,
};

/* ---- twopart ---- */

enum { TWOPART_N, TWOPART_BURST, TWOPART_PAUSE, TWOPART_FROM, TWOPART_SPLIT };
enum { FROM_SENT, FROM_BELL };
enum { FIRST_HALF, PAUSING, SECOND_HALF };

static const struct parameter twopart_parameters[] = {
  {"n", 100, NULL, "how many"},
  {"burst", 128, NULL, "how many may be connecting at once"},
  {"pause", 500, NULL, "ms between the halves"},
  {"from", 0, "sent|bell", "the pause begins when the first half is sent, or at the bell"},
  {"split", 0, "body|head|line", "in mid-body, after the first line, or in mid-line"},
  {NULL, 0, NULL, NULL},
};

static const char *const halves[][2] = {
  {"upload 10\nabc", "defghij"},
  {"upload 10\n", "abcdefghij"},
  {"uploa", "d 10\nabcdefghij"},
};

static const char *half(const struct client *client, int which)
{
  return halves[(int)client->temper->value[TWOPART_SPLIT]][which];
}

static void twopart_start(struct temper *temper)
{
  temper->ready_when_acknowledged = true;
  crowd_start(temper, temper->value[TWOPART_N], temper->value[TWOPART_BURST]);
}

static void twopart_prepare(struct client *client, uint64_t number)
{
  (void)number;
  client_say(client, 0, "%s", half(client, 0));
  client_expect(client, 0, "done 10\n");
}

/* Sets when the second half is due, once that is known. */
static void plan_second_half(struct client *client)
{
  const struct temper *temper = client->temper;
  double from = temper->engine->now;
  if (temper->value[TWOPART_FROM] == FROM_BELL) {
    if (temper->engine->bell_at < 0) return;
    from = temper->engine->bell_at;
  }
  client->next_act = from + temper->value[TWOPART_PAUSE] / 1e3;
  client_again(client, client->next_act);
}

static void twopart_step(struct client *client)
{
  if (client->stage == FIRST_HALF) {
    if (!client_send(client)) return;
    client->stage = PAUSING;
    plan_second_half(client);
    crowd_client_ready(client);
  }
  if (client->stage == PAUSING && client->next_act > 0 &&
      client->temper->engine->now >= client->next_act) {
    client->stage = SECOND_HALF;
    client_say(client, 0, "%s", half(client, 1));
  }
  if (client->stage == SECOND_HALF) client_send(client);
  exchange_read(client, 0); /* in the pause too: a server that cuts us is caught at once */
}

static void twopart_bell(struct temper *temper)
{
  for (struct client *client = temper->clients; client; client = client->next)
    if (client->phase == TALKING && client->stage == PAUSING && client->next_act <= 0)
      plan_second_half(client);
}

const struct temper_kind kind_twopart = {
  .name = "twopart",
  .help = "send half a request, pause, send the rest",
  .parameters = twopart_parameters,
  .start = twopart_start,
  .turn = crowd_turn,
  .bell = twopart_bell,
  .is_ready = crowd_is_ready,
  .is_over = crowd_is_over,
  .prepare = twopart_prepare,
  .step = twopart_step,
  .ended = crowd_ended,
};
