/* plan.c - a schedule from a seed. */
#include "plan.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* ----------------------------------------------------------------- chance -- */

typedef struct dice {
  uint64_t state;
} dice;

static uint64_t roll(dice *d)
{
  uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static uint64_t below(dice *d, uint64_t limit) { return roll(d) % limit; }
static int one_in(dice *d, uint64_t times) { return below(d, times) == 0; }

static uint64_t between(dice *d, uint64_t least, uint64_t most)
{
  return least + below(d, most - least + 1);
}

/* As likely to be of one order of magnitude as of another. */
static uint64_t scaled(dice *d, uint64_t least, uint64_t most)
{
  unsigned octaves = 0;
  while (least << (octaves + 1) <= most && octaves < 60) octaves++;
  uint64_t top = least << below(d, octaves + 1);
  uint64_t value = between(d, top, 2 * top);
  return value > most ? most : value;
}

static lc_time time_between(dice *d, lc_time least, lc_time most)
{
  return (lc_time)scaled(d, (uint64_t)least, (uint64_t)most);
}

/* ---------------------------------------------------------------- surroundings -- */

static void make_network(plan *p, dice *d)
{
  sim_network *network = &p->network;
  network->delay = one_in(d, 4) ? 0 : time_between(d, 20000, 100 * LC_MILLISECOND);
  if (one_in(d, 3)) network->jitter = time_between(d, 10000, 40 * LC_MILLISECOND);
  if (one_in(d, 4)) network->loss = (unsigned)between(d, 1, 120);
  if (one_in(d, 4)) network->ack_delay = time_between(d, LC_MILLISECOND, 40 * LC_MILLISECOND);
  network->segment = (unsigned)scaled(d, 500, 16000);
  network->buffer = (unsigned)scaled(d, 2000, 64000);
  p->cost = one_in(d, 2) ? 0 : time_between(d, 500, one_in(d, 8) ? 4000000 : 40000);
  p->descriptors = one_in(d, 6) ? (int)between(d, 8, 16) : 256;
  p->backlog = one_in(d, 4) ? (int)between(d, 1, 4) : 4096;
}

static lc_time maybe(dice *d, lc_time least, lc_time most)
{
  return one_in(d, 4) ? time_between(d, least, most) : LC_NEVER;
}

static void make_settings(lc_settings *settings, dice *d)
{
  switch (below(d, 6)) {
    case 0: settings->linger = 0; break;
    case 1: settings->linger = LC_LINGER_BACKGROUND; break;
    default: settings->linger = time_between(d, 10 * LC_MILLISECOND, 5 * LC_SECOND); break;
  }
  if (one_in(d, 3)) settings->linger_bytes = scaled(d, 1, 1 << 20);
  if (one_in(d, 2)) {
    settings->keepalive = (lc_keepalive){(lc_time)between(d, 1, 3) * LC_SECOND, LC_SECOND, 2};
    settings->user_timeout = lc_keepalive_user_timeout(&settings->keepalive);
  }
  if (one_in(d, 6))
    settings->heartbeat = (lc_heartbeat){time_between(d, 50 * LC_MILLISECOND, LC_SECOND),
                                         time_between(d, 20 * LC_MILLISECOND, LC_SECOND)};
  settings->read_timeout = maybe(d, 10 * LC_MILLISECOND, 4 * LC_SECOND);
  settings->write_timeout = time_between(d, 20 * LC_MILLISECOND, 30 * LC_SECOND);
  settings->first_byte_timeout = maybe(d, 10 * LC_MILLISECOND, 3 * LC_SECOND);
  settings->idle_timeout = maybe(d, 10 * LC_MILLISECOND, 3 * LC_SECOND);
  settings->max_age = maybe(d, 10 * LC_MILLISECOND, 5 * LC_SECOND);
  settings->gather = one_in(d, 4) ? 0 : scaled(d, 64, 32768);
  settings->max_queue = scaled(d, 1024, 256 * 1024);
}

static void make_drain(lc_drain_options *drain, dice *d)
{
  drain->timeout = time_between(d, 100 * LC_MILLISECOND, 20 * LC_SECOND);
  if (one_in(d, 4)) drain->delay = time_between(d, LC_MILLISECOND, LC_SECOND);
  if (one_in(d, 3)) drain->settle = time_between(d, LC_MILLISECOND, 5 * LC_SECOND);
  drain->quiet = time_between(d, LC_MILLISECOND, 2 * LC_SECOND);
  if (one_in(d, 2)) drain->grace = time_between(d, LC_MILLISECOND, LC_SECOND);
  if (one_in(d, 4)) drain->spread = time_between(d, LC_MILLISECOND, LC_SECOND);
}

/* -------------------------------------------------------------------- clients -- */

static void make_request(plan_request *request, dice *d)
{
  request->deed = one_in(d, 2) ? REPLY : (deed)below(d, DEEDS);
  request->body = one_in(d, 2) ? 0 : (uint32_t)scaled(d, 1, 64 * 1024);
  request->reply = (uint32_t)scaled(d, 1, 128 * 1024);
  request->time = time_between(d, 100000, 3 * LC_SECOND);
}

static void make_client(plan_client *client, lc_time span, dice *d)
{
  client->is_used = 1;
  client->temper = one_in(d, 2) ? (one_in(d, 2) ? ORDERLY : STAYING) : (temper)below(d, TEMPERS);
  client->at = (lc_time)below(d, (uint64_t)span);
  client->think = one_in(d, 2) ? 0 : time_between(d, 10000, LC_SECOND);
  client->ends = time_between(d, 10000, 3 * LC_SECOND);
  client->bite = (uint32_t)scaled(d, 1, 4096);
  client->pause = time_between(d, 100000, 300 * LC_MILLISECOND);
  client->buffer = one_in(d, 4) ? (unsigned)scaled(d, 1200, 30000) : 0;
  client->requests = (unsigned)between(d, 1, PLAN_REQUESTS);
  for (unsigned i = 0; i < client->requests; i++) make_request(&client->asked[i], d);
}

/* Every second reset comes right behind what the client says first: the server hears of both at
 * once. */
static void hasten_resets(plan *p, dice *d)
{
  for (unsigned i = 0; i < p->clients; i++) {
    plan_client *client = &p->client[i];
    if (client->temper != RESETTING || !one_in(d, 2)) continue;
    client->ends = one_in(d, 2) ? 0 : (lc_time)below(d, LC_MILLISECOND);
    if (client->think >= LC_MILLISECOND) client->ends += client->think;
  }
}

/* ----------------------------------------------------------------------- acts -- */

/* The shutdown, how it is hurried on, and what may come before it. */
static void make_acts(plan *p, lc_time span, dice *d)
{
  int count = 0;
  lc_time at = (lc_time)between(d, (uint64_t)span / 4, (uint64_t)span);
  if (one_in(d, 8)) {
    p->act[count++] = (plan_act){.kind = ACT_SUSPEND, .at = at / 4};
    if (!one_in(d, 3)) p->act[count++] = (plan_act){.kind = ACT_RESUME, .at = at / 2};
  }
  if (one_in(d, 8)) p->act[count++] = (plan_act){.kind = ACT_UNLISTEN, .at = at / 3};
  for (int i = 0; i < 2 && one_in(d, 8); i++)
    p->act[count++] = (plan_act){ACT_SERVER, at / 2 + i * at / 4,
                                 time_between(d, LC_MILLISECOND, p->drain.timeout)};
  act_kind kind = one_in(d, 3) ? ACT_SHUTDOWN : ACT_SIGNAL;
  p->act[count++] = (plan_act){kind, at, p->drain.timeout};
  while (count < PLAN_ACTS && one_in(d, 3)) {
    at += time_between(d, LC_MILLISECOND, p->drain.timeout);
    kind = one_in(d, 3) ? ACT_SHUTDOWN : ACT_SIGNAL;
    lc_time timeout = time_between(d, LC_MILLISECOND, p->drain.timeout);
    p->act[count++] = (plan_act){kind, at, timeout};
  }
}

/* --------------------------------------------------------------------- faults -- */

typedef struct mishap {
  fault_call call;
  int code;
} mishap;

static const mishap MISHAPS[] = {
  {FAULT_ACCEPT, -EINTR},          {FAULT_ACCEPT, -EMFILE},        {FAULT_ACCEPT, -ENFILE},
  {FAULT_ACCEPT, -ENOBUFS},        {FAULT_ACCEPT, -ENOMEM},        {FAULT_ACCEPT, -ECONNABORTED},
  {FAULT_ACCEPT, -EPROTO},         {FAULT_RECV, -EINTR},           {FAULT_RECV, -ENOMEM},
  {FAULT_SENDMSG, -EINTR},         {FAULT_SENDMSG, -ENOBUFS},      {FAULT_SENDMSG, -ENOMEM},
  {FAULT_POLLER_WAIT, -EINTR},     {FAULT_POLLER_CONTROL, -EINTR}, {FAULT_POLLER_CONTROL, -ENOMEM},
  {FAULT_POLLER_CONTROL, -ENOSPC}, {FAULT_CLOSE, -EINTR},          {FAULT_CLOSE, -EIO},
  {FAULT_SETSOCKOPT, -EINTR},      {FAULT_SOCKET, -EMFILE},        {FAULT_SOCKET, -ENOBUFS},
  {FAULT_SHUTDOWN, -EINTR},
};

static void make_faults(plan *p, dice *d)
{
  enum { KINDS = sizeof MISHAPS / sizeof *MISHAPS };
  for (int i = 0; i < PLAN_FAULTS && one_in(d, 3); i++) {
    const mishap *one = &MISHAPS[below(d, KINDS)];
    p->fault[i] = (plan_fault){1, one->call, (unsigned)scaled(d, 1, 300),
                               one_in(d, 2) ? 1 : (unsigned)between(d, 2, 40), one->code};
  }
  if (one_in(d, 12)) {
    p->allocation = (unsigned)scaled(d, 1, 200);
    p->allocations = one_in(d, 2) ? 1 : (unsigned)between(d, 2, 20);
  }
}

/* Nothing is lost or lacking, and there is time for everybody. */
static void be_ordinary(plan *p, dice *d)
{
  p->network.loss = 0;
  p->descriptors = 256;
  p->server.settings.linger_bytes = 1 << 20;
  p->server.drain.timeout = time_between(d, 10 * LC_SECOND, 40 * LC_SECOND);
  p->server.drain.quiet = time_between(d, 500 * LC_MILLISECOND, 2 * LC_SECOND);
}

/* Many do not wait for replies. */
static void speak_http(plan *p, dice *d)
{
  p->speaks_http = 1;
  p->by_hand = 0;
  for (unsigned i = 0; i < p->clients; i++)
    if (one_in(d, 4)) p->client[i].temper = HURRIED;
}

enum { BUFFER = 64 * 1024 }; /* of the server's sockets: what is larger has to wait for room */

/* Some go no further, and some of these are gone soon. */
static void stop_half_way(plan_client *client, dice *d)
{
  if (!one_in(d, 5)) return;
  client->stops = (unsigned)between(d, 1, PLAN_HELLO + PLAN_ANSWER - 1);
  if (one_in(d, 2)) client->temper = one_in(d, 2) ? LEAVING : VANISHING;
}

/* Every other time the shutdown comes in the midst of a client's handshake. */
static void shake_hands(plan *p, dice *d)
{
  p->shakes = 1;
  p->flight = one_in(d, 4) ? (unsigned)scaled(d, BUFFER, 4 * BUFFER) : (unsigned)scaled(d, 1, 8000);
  p->ticket = one_in(d, 4) ? (unsigned)scaled(d, BUFFER, 4 * BUFFER) : (unsigned)below(d, 4000);
  if (one_in(d, 2)) p->server.max_handshakes = (uint32_t)between(d, 1, 3);
  if (one_in(d, 4))
    p->server.settings.handshake_timeout = time_between(d, 50 * LC_MILLISECOND, 3 * LC_SECOND);
  for (unsigned i = 0; i < p->clients; i++) stop_half_way(&p->client[i], d);
  if (one_in(d, 2)) return;
  lc_time trip = 2 * (p->network.delay + p->network.jitter) + LC_MILLISECOND;
  lc_time at = p->client[below(d, p->clients)].at + (lc_time)below(d, 4 * (uint64_t)trip);
  for (int i = 0; i < PLAN_ACTS; i++)
    if (p->act[i].kind == ACT_SIGNAL || p->act[i].kind == ACT_SHUTDOWN) {
      p->act[i].at = at;
      return;
    }
}

/* Frames end with Close, and mean nothing where they are cut, so nobody half-closes or floods. */
static void speak_websocket(plan *p, dice *d)
{
  p->speaks_websocket = 1;
  p->by_hand = 0;
  p->waiting = BY_AWAIT; /* the library knows who is idle */
  for (unsigned i = 0; i < p->clients; i++) {
    plan_client *client = &p->client[i];
    if (client->temper == HALF_CLOSING || client->temper == FLOODING || one_in(d, 4))
      client->temper = HURRIED;
    for (unsigned k = 0; k < client->requests; k++) client->asked[k].reply %= PLAN_MESSAGE;
  }
}

void plan_make(plan *p, uint64_t seed)
{
  dice d = {seed * UINT64_C(0xd1342543de82ef95) + 1};
  memset(p, 0, sizeof *p);
  p->seed = seed;
  lc_server_options_init(&p->server);
  /* One in three is an ordinary day: what goes wrong is the shutdown's doing then. */
  int is_ordinary = one_in(&d, 3);
  make_network(p, &d);
  if (!is_ordinary) make_settings(&p->server.settings, &d);
  make_drain(&p->server.drain, &d);
  if (is_ordinary) be_ordinary(p, &d);
  p->drain = p->server.drain;
  if (one_in(&d, 4)) make_drain(&p->drain, &d);
  if (one_in(&d, 6)) p->server.max_connections = (uint32_t)between(&d, 1, 6);
  p->has_hooks = one_in(&d, 4);
  p->hook_time = time_between(&d, 100000, LC_SECOND);
  p->waiting = (waiting)below(&d, WAITINGS);
  p->tells_draining = one_in(&d, 2);
  lc_time span = time_between(&d, LC_MILLISECOND, 2 * LC_SECOND);
  p->clients = (unsigned)scaled(&d, 1, PLAN_CLIENTS);
  for (unsigned i = 0; i < p->clients; i++) make_client(&p->client[i], span, &d);
  make_acts(p, span, &d);
  if (!is_ordinary) make_faults(p, &d);
  if (one_in(&d, 3)) p->disorder = (unsigned)scaled(&d, 10, 1000);
  if (!is_ordinary && one_in(&d, 8)) p->meddles = (unsigned)between(&d, 2, 40);
  if (one_in(&d, 4)) p->by_hand = (unsigned)between(&d, 1, 3);
  hasten_resets(p, &d);
  if (one_in(&d, 6)) speak_http(p, &d);
  if (one_in(&d, 6)) shake_hands(p, &d);
  if (!p->speaks_http && !p->shakes && one_in(&d, 6)) speak_websocket(p, &d);
  if (one_in(&d, 4)) p->network.halt = time_between(&d, 10 * LC_MILLISECOND, 500 * LC_MILLISECOND);
}
