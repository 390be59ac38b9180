/* plan_print.c - a schedule in words. */
#include <inttypes.h>

#include "plan.h"

const char *temper_name(temper which)
{
  static const char *const names[TEMPERS] = {
    "orderly",      "staying",  "silent",    "slow talker", "slow reader", "hurried",
    "half-closing", "flooding", "resetting", "leaving",     "vanishing"};
  return which < TEMPERS ? names[which] : "?";
}

const char *deed_name(deed which)
{
  static const char *const names[DEEDS] = {"reply",      "sleep", "write slowly", "spawn",
                                           "guard",      "post",  "ignore",       "raise",
                                           "raise late", "break", "abort",        "close"};
  return which < DEEDS ? names[which] : "?";
}

static void print_time(FILE *to, const char *name, lc_time time)
{
  if (time == LC_NEVER) fprintf(to, " %s never", name);
  else fprintf(to, " %s %.6f", name, lc_to_seconds(time));
}

static void print_settings(const plan *p, FILE *to)
{
  const lc_settings *s = &p->server.settings;
  fputs("  settings:", to);
  print_time(to, "linger", s->linger);
  fprintf(to, " (%" PRIu64 " bytes)", s->linger_bytes);
  print_time(to, "read", s->read_timeout);
  print_time(to, "write", s->write_timeout);
  print_time(to, "first byte", s->first_byte_timeout);
  print_time(to, "idle", s->idle_timeout);
  print_time(to, "age", s->max_age);
  print_time(to, "user timeout", s->user_timeout);
  print_time(to, "heartbeat", s->heartbeat.interval);
  fprintf(to, " gather %zu queue %zu connections %u\n", s->gather, s->max_queue,
          p->server.max_connections);
}

static void print_drain(const lc_drain_options *drain, const char *whose, FILE *to)
{
  fprintf(to, "  drain (%s):", whose);
  print_time(to, "timeout", drain->timeout);
  print_time(to, "delay", drain->delay);
  print_time(to, "settle", drain->settle);
  print_time(to, "quiet", drain->quiet);
  print_time(to, "grace", drain->grace);
  print_time(to, "spread", drain->spread);
  fputc('\n', to);
}

static void print_client(const plan *p, unsigned index, FILE *to)
{
  const plan_client *client = &p->client[index];
  if (!client->is_used) return;
  fprintf(to, "  client %u: %s,", index, temper_name(client->temper));
  print_time(to, "at", client->at);
  print_time(to, "thinks", client->think);
  print_time(to, "ends", client->ends);
  fprintf(to, " bite %u", client->bite);
  print_time(to, "pause", client->pause);
  fprintf(to, " buffer %u\n", client->buffer);
  for (unsigned i = 0; i < client->requests; i++) {
    const plan_request *request = &client->asked[i];
    fprintf(to, "    request %u: %s, body %u, reply %u,", i, deed_name(request->deed),
            request->body, request->reply);
    print_time(to, "takes", request->time);
    fputc('\n', to);
  }
}

static void print_act(const plan_act *act, FILE *to)
{
  static const char *const names[] = {
    "none", "signal", "shutdown", "suspend", "resume", "unlisten", "shutdown of the server"};
  if (act->kind == ACT_NONE) return;
  fprintf(to, "  %s", names[act->kind]);
  print_time(to, "at", act->at);
  if (act->kind == ACT_SHUTDOWN || act->kind == ACT_SERVER) print_time(to, "timeout", act->timeout);
  fputc('\n', to);
}

void plan_print(const plan *p, FILE *to)
{
  static const char *const waits[WAITINGS] = {"await", "lines", "read"};
  const sim_network *n = &p->network;
  fprintf(to, "seed %" PRIu64 ":\n  network:", p->seed);
  print_time(to, "delay", n->delay);
  print_time(to, "jitter", n->jitter);
  print_time(to, "ack delay", n->ack_delay);
  fprintf(to, " loss %u/1000 segment %u buffer %u\n  process:", n->loss, n->segment, n->buffer);
  print_time(to, "a call takes up to", p->cost);
  fprintf(to, " descriptors %d backlog %d waits by %s%s", p->descriptors, p->backlog,
          waits[p->waiting], p->tells_draining ? ", tells of the drain" : "");
  if (p->meddles) fprintf(to, ", one callback in %u resets another", p->meddles);
  if (p->has_hooks) print_time(to, "hooks take", p->hook_time);
  fputc('\n', to);
  print_settings(p, to);
  print_drain(&p->server.drain, "server", to);
  print_drain(&p->drain, "process", to);
  for (unsigned i = 0; i < p->clients; i++) print_client(p, i, to);
  for (int i = 0; i < PLAN_ACTS; i++) print_act(&p->act[i], to);
  for (int i = 0; i < PLAN_FAULTS; i++) {
    const plan_fault *fault = &p->fault[i];
    if (fault->is_used)
      fprintf(to, "  fault: %s from the %u. call on, %u times, %s\n", fault_name(fault->call),
              fault->nth, fault->times, lc_code_errno(fault->code));
  }
  if (p->allocation)
    fprintf(to, "  memory: the %u. allocation fails, %u times\n", p->allocation, p->allocations);
}
