/* exchange.c - the steps that several tempers share: say it all, read it all. */
#include "temper.h"

static const uint64_t read_a_step = 1 << 20;
static const double tick = 0.02;

/* Reads the reply at `rate` bytes a second, or as it comes where rate is 0. */
bool exchange_read(struct client *client, double rate)
{
  double now = client->temper->engine->now;
  if (rate <= 0) {
    enum reading reading = client_read(client, read_a_step);
    if (client_settle(client, reading)) return true;
    if (reading == READ_LIMIT) client_again(client, now);
    return false;
  }
  if (now >= client->next_act) {
    double pause = rate * tick < 1 ? 1 / rate : tick;
    client->next_act = now + pause;
    if (client_settle(client, client_read(client, (uint64_t)(rate * pause + 0.5)))) return true;
  }
  client_again(client, client->next_act);
  return false;
}

void exchange_step(struct client *client)
{
  if (client_send(client)) crowd_client_ready(client);
  exchange_read(client, 0);
}
