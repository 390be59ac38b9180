/* temper_quiet.c - clients that say little and wait.
 *
 * idle: connect (and, where asked, one echo), then wait for the server's EOF.
 *   opening ──> waiting ──> ended: eof, reset or open
 * stalled: ask for a large reply and do not read it, for a time or until let go;
 * then close, reset, or read it all after all.
 *   asking ──> stalling ──> ended, or ──> reading ──> served or truncated
 */
#include <stdio.h>

#include "temper.h"

/* ---- idle ---- */

enum { IDLE_N, IDLE_BURST, IDLE_SPOKEN, IDLE_RESET_OK };
enum { OPENING, WAITING_FOR_EOF };

static const struct parameter idle_parameters[] = {
  {"n", 100, NULL, "how many"},
  {"burst", 128, NULL, "how many may be connecting at once"},
  {"spoken", 0, NULL, "1: one echo first"},
  {"reset_ok", 0, NULL, "1: a reset instead of EOF is no failure"},
  {NULL, 0, NULL, NULL},
};

static void idle_start(struct temper *temper)
{
  temper->ready_when_acknowledged = true;
  temper->reset_is_harm = temper->value[IDLE_RESET_OK] <= 0;
  crowd_start(temper, temper->value[IDLE_N], temper->value[IDLE_BURST]);
}

static void idle_prepare(struct client *client, uint64_t number)
{
  if (client->temper->value[IDLE_SPOKEN] <= 0) {
    client->stage = WAITING_FOR_EOF;
    return;
  }
  char tail[32];
  snprintf(tail, sizeof tail, "idle%llu\n", (unsigned long long)number);
  client_say(client, 0, "echo %s", tail);
  client_expect(client, 0, tail);
}

static void idle_step(struct client *client)
{
  if (client->stage == OPENING) {
    client_send(client);
    enum reading reading = client_read(client, sizeof client->tail);
    if (reading != READ_WHOLE) {
      client_settle(client, reading);
      return;
    }
    client->temper->tally.count[SERVED]++;
    client->stage = WAITING_FOR_EOF;
  }
  crowd_client_ready(client);
  enum reading reading = client_discard(client);
  if (reading == READ_EOF) client_end(client, AT_EOF);
  else if (reading == READ_ERROR) client_end(client, RESET);
  else if (reading == READ_LIMIT) client_again(client, client->temper->engine->now);
}

static enum count idle_at_stop(const struct client *client)
{
  return client->stage == WAITING_FOR_EOF ? OPEN : UNFINISHED;
}

const struct temper_kind kind_idle = {
  .name = "idle",
  .help = "connect, say nothing more, wait for the server's EOF",
  .parameters = idle_parameters,
  .start = idle_start,
  .turn = crowd_turn,
  .is_ready = crowd_is_ready,
  .is_over = crowd_is_over,
  .prepare = idle_prepare,
  .step = idle_step,
  .ended = crowd_ended,
  .at_stop = idle_at_stop,
};

/* ---- stalled ---- */

enum { STALLED_N, STALLED_BURST, STALLED_SIZE, STALLED_FOR, STALLED_END, STALLED_RCVBUF };
enum { END_CLOSE, END_RESET, END_READ };
enum { ASKING, STALLING, READING };

static const struct parameter stalled_parameters[] = {
  {"n", 100, NULL, "how many"},
  {"burst", 128, NULL, "how many may be connecting at once"},
  {"size", 1 << 20, NULL, "bytes asked for; few fit the buffers and are acknowledged"},
  {"for", 0, NULL, "seconds; 0 is until SIGUSR2 or the hard stop"},
  {"end", 0, "close|reset|read", "what then (close with unread data is a reset too)"},
  {"rcvbuf", 4096, NULL, "SO_RCVBUF"},
  {NULL, 0, NULL, NULL},
};

static void stalled_start(struct temper *temper)
{
  temper->ready_when_acknowledged = true;
  temper->receive_buffer = (size_t)temper->value[STALLED_RCVBUF];
  crowd_start(temper, temper->value[STALLED_N], temper->value[STALLED_BURST]);
}

static void stalled_prepare(struct client *client, uint64_t number)
{
  (void)number;
  double size = client->temper->value[STALLED_SIZE];
  client_say(client, 0, "big %.0f\n", size);
  client_expect(client, (uint64_t)size, "\n");
}

static void stop_stalling(struct client *client)
{
  double end = client->temper->value[STALLED_END];
  if (end == END_READ) {
    client->stage = READING;
    exchange_read(client, 0);
    return;
  }
  if (end == END_RESET) client_abort_on_close(client);
  client_end(client, ENDED);
}

static void stalled_step(struct client *client)
{
  const struct temper *temper = client->temper;
  double now = temper->engine->now, patience = temper->value[STALLED_FOR];
  if (client->stage == READING) {
    exchange_read(client, 0);
    return;
  }
  if (client->stage == ASKING) {
    if (!client_send(client)) return;
    client->stage = STALLING;
    client->next_act = now + patience;
    if (patience > 0) client_again(client, client->next_act);
    crowd_client_ready(client);
  }
  bool on_unix = temper->address.name.ss_family == AF_UNIX;
  if (client->hung_up && !on_unix) client_end(client, RESET);
  else if (patience > 0 && now >= client->next_act) stop_stalling(client);
}

static void stalled_let_go(struct temper *temper)
{
  for (struct client *client = temper->clients, *next; client; client = next) {
    next = client->next;
    if (client->phase == TALKING && client->stage == STALLING) stop_stalling(client);
  }
}

static enum count stalled_at_stop(const struct client *client)
{
  return client->stage == STALLING ? ENDED : UNFINISHED;
}

const struct temper_kind kind_stalled = {
  .name = "stalled",
  .help = "ask for a large reply and do not read it",
  .parameters = stalled_parameters,
  .start = stalled_start,
  .turn = crowd_turn,
  .let_go = stalled_let_go,
  .is_ready = crowd_is_ready,
  .is_over = crowd_is_over,
  .prepare = stalled_prepare,
  .step = stalled_step,
  .ended = crowd_ended,
  .at_stop = stalled_at_stop,
};
