/* plan_fields.c - the parts of a plan and their fields. */
#include "plan_fields.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FIELD(type, name, kind, member) \
  {                                     \
    name, kind, offsetof(type, member)  \
  }

static const field NETWORK[] = {
  FIELD(sim_network, "delay", FIELD_TIME, delay),
  FIELD(sim_network, "jitter", FIELD_TIME, jitter),
  FIELD(sim_network, "loss", FIELD_NUMBER, loss),
  FIELD(sim_network, "segment", FIELD_NUMBER, segment),
  FIELD(sim_network, "buffer", FIELD_NUMBER, buffer),
  FIELD(sim_network, "ack-delay", FIELD_TIME, ack_delay),
  FIELD(sim_network, "halt", FIELD_TIME, halt),
};

static const field PROCESS[] = {
  FIELD(plan, "seed", FIELD_LONG, seed),
  FIELD(plan, "call", FIELD_TIME, cost),
  FIELD(plan, "disorder", FIELD_NUMBER, disorder),
  FIELD(plan, "descriptors", FIELD_NUMBER, descriptors),
  FIELD(plan, "backlog", FIELD_NUMBER, backlog),
  FIELD(plan, "connections", FIELD_NUMBER, server.max_connections),
  FIELD(plan, "handshakes", FIELD_NUMBER, server.max_handshakes),
  FIELD(plan, "has-hooks", FIELD_NUMBER, has_hooks),
  FIELD(plan, "hooks", FIELD_TIME, hook_time),
  FIELD(plan, "waits", FIELD_WAITING, waiting),
  FIELD(plan, "by-hand", FIELD_NUMBER, by_hand),
  FIELD(plan, "http", FIELD_NUMBER, speaks_http),
  FIELD(plan, "websocket", FIELD_NUMBER, speaks_websocket),
  FIELD(plan, "shakes", FIELD_NUMBER, shakes),
  FIELD(plan, "flight", FIELD_NUMBER, flight),
  FIELD(plan, "ticket", FIELD_NUMBER, ticket),
  FIELD(plan, "meddles", FIELD_NUMBER, meddles),
  FIELD(plan, "tells-draining", FIELD_NUMBER, tells_draining),
  FIELD(plan, "allocation", FIELD_NUMBER, allocation),
  FIELD(plan, "allocations", FIELD_NUMBER, allocations),
};

static const field SETTINGS[] = {
  FIELD(lc_settings, "linger", FIELD_TIME, linger),
  FIELD(lc_settings, "linger-bytes", FIELD_LONG, linger_bytes),
  FIELD(lc_settings, "keepalive-idle", FIELD_TIME, keepalive.idle),
  FIELD(lc_settings, "keepalive-interval", FIELD_TIME, keepalive.interval),
  FIELD(lc_settings, "keepalive-count", FIELD_NUMBER, keepalive.count),
  FIELD(lc_settings, "user-timeout", FIELD_TIME, user_timeout),
  FIELD(lc_settings, "heartbeat", FIELD_TIME, heartbeat.interval),
  FIELD(lc_settings, "heartbeat-timeout", FIELD_TIME, heartbeat.timeout),
  FIELD(lc_settings, "read-timeout", FIELD_TIME, read_timeout),
  FIELD(lc_settings, "write-timeout", FIELD_TIME, write_timeout),
  FIELD(lc_settings, "first-byte-timeout", FIELD_TIME, first_byte_timeout),
  FIELD(lc_settings, "handshake-timeout", FIELD_TIME, handshake_timeout),
  FIELD(lc_settings, "idle-timeout", FIELD_TIME, idle_timeout),
  FIELD(lc_settings, "max-age", FIELD_TIME, max_age),
  FIELD(lc_settings, "max-queue", FIELD_LONG, max_queue),
  FIELD(lc_settings, "gather", FIELD_LONG, gather),
};

static const field DRAIN[] = {
  FIELD(lc_drain_options, "timeout", FIELD_TIME, timeout),
  FIELD(lc_drain_options, "delay", FIELD_TIME, delay),
  FIELD(lc_drain_options, "settle", FIELD_TIME, settle),
  FIELD(lc_drain_options, "quiet", FIELD_TIME, quiet),
  FIELD(lc_drain_options, "grace", FIELD_TIME, grace),
  FIELD(lc_drain_options, "spread", FIELD_TIME, spread),
};

static const field CLIENT[] = {
  FIELD(plan_client, "temper", FIELD_TEMPER, temper),
  FIELD(plan_client, "at", FIELD_TIME, at),
  FIELD(plan_client, "thinks", FIELD_TIME, think),
  FIELD(plan_client, "ends", FIELD_TIME, ends),
  FIELD(plan_client, "bite", FIELD_NUMBER, bite),
  FIELD(plan_client, "pause", FIELD_TIME, pause),
  FIELD(plan_client, "buffer", FIELD_NUMBER, buffer),
  FIELD(plan_client, "stops", FIELD_NUMBER, stops),
};

static const field REQUEST[] = {
  FIELD(plan_request, "deed", FIELD_DEED, deed),
  FIELD(plan_request, "body", FIELD_NUMBER, body),
  FIELD(plan_request, "reply", FIELD_NUMBER, reply),
  FIELD(plan_request, "takes", FIELD_TIME, time),
};

static const field ACT[] = {
  FIELD(plan_act, "what", FIELD_ACT, kind),
  FIELD(plan_act, "at", FIELD_TIME, at),
  FIELD(plan_act, "timeout", FIELD_TIME, timeout),
};

static const field FAULT[] = {
  FIELD(plan_fault, "call", FIELD_CALL, call),
  FIELD(plan_fault, "nth", FIELD_NUMBER, nth),
  FIELD(plan_fault, "times", FIELD_NUMBER, times),
  FIELD(plan_fault, "code", FIELD_CODE, code),
};

const part PLAN_PARTS[PARTS] = {
  [PART_NETWORK] = {"network", NETWORK, COUNT(NETWORK)},
  [PART_PROCESS] = {"process", PROCESS, COUNT(PROCESS)},
  [PART_SETTINGS] = {"settings", SETTINGS, COUNT(SETTINGS)},
  [PART_SERVER_DRAIN] = {"server-drain", DRAIN, COUNT(DRAIN)},
  [PART_DRAIN] = {"drain", DRAIN, COUNT(DRAIN)},
  [PART_CLIENT] = {"client", CLIENT, COUNT(CLIENT)},
  [PART_REQUEST] = {"request", REQUEST, COUNT(REQUEST)},
  [PART_ACT] = {"act", ACT, COUNT(ACT)},
  [PART_FAULT] = {"fault", FAULT, COUNT(FAULT)},
};

void *plan_part(plan *p, part_kind kind, unsigned index)
{
  unsigned of = index / PLAN_REQUESTS;
  switch (kind) {
    case PART_NETWORK: return index ? NULL : &p->network;
    case PART_PROCESS: return index ? NULL : p;
    case PART_SETTINGS: return index ? NULL : &p->server.settings;
    case PART_SERVER_DRAIN: return index ? NULL : &p->server.drain;
    case PART_DRAIN: return index ? NULL : &p->drain;
    case PART_CLIENT: return index < PLAN_CLIENTS ? &p->client[index] : NULL;
    case PART_REQUEST:
      return of < PLAN_CLIENTS ? &p->client[of].asked[index % PLAN_REQUESTS] : NULL;
    case PART_ACT: return index < PLAN_ACTS ? &p->act[index] : NULL;
    case PART_FAULT: return index < PLAN_FAULTS ? &p->fault[index] : NULL;
    default: return NULL;
  }
}

void plan_default(plan *p)
{
  memset(p, 0, sizeof *p);
  lc_server_options_init(&p->server);
  p->drain = p->server.drain;
  p->descriptors = 256;
  p->backlog = 4096;
  p->clients = PLAN_CLIENTS;
  for (int i = 0; i < PLAN_CLIENTS; i++)
    for (int j = 0; j < PLAN_REQUESTS; j++) p->client[i].asked[j].reply = 1;
}

static size_t size_of(field_kind kind)
{
  return kind == FIELD_LONG || kind == FIELD_TIME ? sizeof(uint64_t) : sizeof(int);
}

int field_is_equal(const field *one, const void *a, const void *b)
{
  return !memcmp((const char *)a + one->offset, (const char *)b + one->offset, size_of(one->kind));
}

void field_copy(const field *one, void *to, const void *from)
{
  memcpy((char *)to + one->offset, (const char *)from + one->offset, size_of(one->kind));
}

/* ------------------------------------------------------------------ names -- */

static const char *const TEMPER_NAMES[TEMPERS] = {
  "orderly",      "staying",  "silent",    "slow-talker", "slow-reader", "hurried",
  "half-closing", "flooding", "resetting", "leaving",     "vanishing"};
static const char *const DEED_NAMES[DEEDS] = {"reply",      "sleep", "write-slowly", "spawn",
                                              "guard",      "post",  "ignore",       "raise",
                                              "raise-late", "break", "abort",        "close"};
static const char *const WAITING_NAMES[WAITINGS] = {"await", "lines", "read"};
static const char *const ACT_NAMES[ACTS] = {"none",   "signal",   "shutdown",       "suspend",
                                            "resume", "unlisten", "shutdown-server"};

const char *temper_name(temper which) { return field_value_name(FIELD_TEMPER, which); }
const char *deed_name(deed which) { return field_value_name(FIELD_DEED, which); }

const char *field_value_name(field_kind kind, unsigned value)
{
  switch (kind) {
    case FIELD_TEMPER: return value < TEMPERS ? TEMPER_NAMES[value] : NULL;
    case FIELD_DEED: return value < DEEDS ? DEED_NAMES[value] : NULL;
    case FIELD_WAITING: return value < WAITINGS ? WAITING_NAMES[value] : NULL;
    case FIELD_ACT: return value < ACTS ? ACT_NAMES[value] : NULL;
    case FIELD_CALL: return value < FAULT_CALLS ? fault_name((fault_call)value) : NULL;
    default: return NULL;
  }
}
