/* temper_reader.c - clients with a large reply on its way to them.
 *
 * slowread: ask for it and read it slowly, through a small buffer.
 * upload: send a body that the server does not read, while it replies early and
 * closes: the case in which a careless close() resets the reply away.
 */
#include "temper.h"

enum { N, BURST, SIZE, RATE, RCVBUF, BODY };

static const struct parameter slowread_parameters[] = {
  {"n", 20, NULL, "how many"},
  {"burst", 128, NULL, "how many may be connecting at once"},
  {"size", 65536, NULL, "bytes asked for"},
  {"rate", 65536, NULL, "bytes a second; 0 is as fast as they come"},
  {"rcvbuf", 4096, NULL, "SO_RCVBUF; 0 is as the system has it"},
  {NULL, 0, NULL, NULL},
};

static const struct parameter upload_parameters[] = {
  {"n", 16, NULL, "how many"},
  {"burst", 128, NULL, "how many may be connecting at once"},
  {"size", 65536, NULL, "bytes of the early reply"},
  {"rate", 0, NULL, "bytes a second read; 0 is as fast as they come"},
  {"rcvbuf", 0, NULL, "SO_RCVBUF; 0 is as the system has it"},
  {"body", 65536, NULL, "bytes uploaded meanwhile"},
  {NULL, 0, NULL, NULL},
};

static void reader_start(struct temper *temper)
{
  temper->ready_when_acknowledged = temper->kind == &kind_slowread;
  temper->receive_buffer = (size_t)temper->value[RCVBUF];
  crowd_start(temper, temper->value[N], temper->value[BURST]);
}

static void slowread_prepare(struct client *client, uint64_t number)
{
  (void)number;
  double size = client->temper->value[SIZE];
  client_say(client, 0, "big %.0f\n", size);
  client_expect(client, (uint64_t)size, "\n");
}

static void upload_prepare(struct client *client, uint64_t number)
{
  (void)number;
  double size = client->temper->value[SIZE], body = client->temper->value[BODY];
  client_say(client, (uint64_t)body, "early %.0f %.0f\n", size, body);
  client_expect(client, (uint64_t)size, "\n");
}

static void reader_step(struct client *client)
{
  client_send(client);
  if (client->request_sent == client->request_length) crowd_client_ready(client);
  exchange_read(client, client->temper->value[RATE]);
}

const struct temper_kind kind_slowread = {
  .name = "slowread",
  .help = "ask for a large reply and read it slowly",
  .parameters = slowread_parameters,
  .start = reader_start,
  .turn = crowd_turn,
  .is_ready = crowd_is_ready,
  .is_over = crowd_is_over,
  .prepare = slowread_prepare,
  .step = reader_step,
  .ended = crowd_ended,
};

const struct temper_kind kind_upload = {
  .name = "upload",
  .help = "upload a body that the server does not read, and read its early reply",
  .parameters = upload_parameters,
  .start = reader_start,
  .turn = crowd_turn,
  .is_ready = crowd_is_ready,
  .is_over = crowd_is_over,
  .prepare = upload_prepare,
  .step = reader_step,
  .ended = crowd_ended,
};
