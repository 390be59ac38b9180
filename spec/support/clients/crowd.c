/* crowd.c - a fixed number of clients, brought up a burst at a time.
 *
 * Never more than `burst` of them are on their way to being ready, so that the
 * server's queue does not overflow and what is measured is the stop, not the start.
 */
#include "temper.h"

void crowd_start(struct temper *temper, double size, double burst)
{
  temper->size = (size_t)size;
  temper->burst = burst < 1 ? 1 : (size_t)burst;
  alarm_set(temper->engine, &temper->alarm, 0);
}

void crowd_turn(struct temper *temper)
{
  size_t opened = temper->tally.count[OPENED];
  size_t under_way = opened - temper->ready;
  while (opened < temper->size && under_way < temper->burst && !temper->spoiled) {
    client_open(temper);
    opened++;
    under_way++;
  }
}

static void more(struct temper *temper)
{
  if (temper->tally.count[OPENED] < temper->size)
    alarm_set(temper->engine, &temper->alarm, temper->engine->now);
}

void crowd_client_ready(struct client *client)
{
  if (client->ready) return;
  client->ready = true;
  client->temper->ready++;
  more(client->temper);
}

void crowd_ended(struct client *client, enum count outcome)
{
  (void)outcome;
  if (!client->ready) client->temper->spoiled = true;
  more(client->temper);
}

bool crowd_is_ready(const struct temper *temper)
{
  if (temper->ready < temper->size) return false;
  if (!temper->ready_when_acknowledged) return true;
  for (const struct client *client = temper->clients; client; client = client->next)
    if (!client_acknowledged(client)) return false;
  return true;
}

bool crowd_is_over(const struct temper *temper)
{
  bool all_opened = temper->tally.count[OPENED] >= temper->size || temper->spoiled;
  return all_opened && temper->live == 0;
}
