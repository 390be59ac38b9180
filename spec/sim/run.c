/* run.c - a plan is run: set up, turned until everything is over, taken down. */
#include "run.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "memory.h"

enum { TURNS_AT_MOST = 200000 };
enum { FORKED = 4 }; /* one process in so many has forked */

static const lc_time PATIENCE = 600 * LC_SECOND; /* beyond any plan */

/* ---------------------------------------------------------------- telling -- */

void run_trace(run *in, const char *format, ...)
{
  va_list values;
  if (!in->trace) return;
  fprintf(in->trace, "%12.6f  ", lc_to_seconds(sim_now(in->kernel) - 1000 * LC_SECOND));
  va_start(values, format);
  vfprintf(in->trace, format, values);
  va_end(values);
  fputc('\n', in->trace);
}

void run_fail(run *in, const char *format, ...)
{
  va_list values;
  if (in->failure[0]) return;
  in->violation = format;
  va_start(values, format);
  vsnprintf(in->failure, sizeof in->failure, format, values);
  va_end(values);
  run_trace(in, "VIOLATION: %s", in->failure);
}

client *run_client_at(run *in, uint16_t port)
{
  for (unsigned i = 0; i < in->plan->clients; i++)
    if (in->client[i].port == port) return &in->client[i];
  return NULL;
}

/* ------------------------------------------------------------------- acts -- */

typedef struct planned {
  run *in;
  unsigned act;
} planned;

static void act_comes(run *in, unsigned index)
{
  if (in->plan->act[index].kind == ACT_SIGNAL) {
    run_trace(in, "signal");
    check_signaled(in, sim_now(in->kernel));
    sim_process_signal(in->process, SIGTERM);
  } else {
    in->acts_due |= 1u << index;
    lc_loop_wake(in->loop);
  }
}

/* One function for each place in the plan, for a planned call has one argument. */
static void come_0(void *in) { act_comes(in, 0); }
static void come_1(void *in) { act_comes(in, 1); }
static void come_2(void *in) { act_comes(in, 2); }
static void come_3(void *in) { act_comes(in, 3); }
static void come_4(void *in) { act_comes(in, 4); }
static void come_5(void *in) { act_comes(in, 5); }

static void (*const COMES[PLAN_ACTS])(void *) = {come_0, come_1, come_2, come_3, come_4, come_5};

static void act(run *in, const plan_act *act)
{
  switch (act->kind) {
    case ACT_SHUTDOWN:
      run_trace(in, "shutdown within %.6f", lc_to_seconds(act->timeout));
      check_asked(in, sim_now(in->kernel), act->timeout);
      lc_shutdown_begin(in->shutdown, in->sys->now(in->sys), act->timeout);
      break;
    case ACT_SERVER:
      run_trace(in, "shutdown of the server within %.6f", lc_to_seconds(act->timeout));
      check_asked_server(in, sim_now(in->kernel), act->timeout);
      lc_server_shutdown(in->server, in->sys->now(in->sys) + act->timeout);
      break;
    case ACT_SUSPEND:
      run_trace(in, "suspend");
      in->is_suspended = 1;
      lc_server_suspend(in->server);
      break;
    case ACT_RESUME:
      run_trace(in, "resume");
      in->is_suspended = 0;
      lc_server_resume(in->server);
      break;
    case ACT_UNLISTEN:
      run_trace(in, "unlisten");
      in->unlistened_at = sim_now(in->kernel);
      lc_server_unlisten(in->server, NULL);
      break;
    default: break;
  }
}

void run_act(run *in)
{
  for (unsigned i = 0; i < PLAN_ACTS; i++) {
    if (!(in->acts_due & 1u << i)) continue;
    in->acts_due &= ~(1u << i);
    act(in, &in->plan->act[i]);
  }
}

static void signal_seen(void *user, int signal, unsigned count, lc_time at)
{
  run *in = user;
  (void)signal, (void)count;
  lc_shutdown_signal(in->shutdown, at);
}

/* ------------------------------------------------------------------ hooks -- */

static void end_hooks(run *in)
{
  if (!in->hook_holds) return;
  in->hook_holds = 0;
  lc_timer_clear(in->loop, &in->hook);
  lc_shutdown_release(in->shutdown);
}

static void hook_due(lc_timer *timer, lc_time now)
{
  run *in = (run *)(void *)((char *)timer - offsetof(run, hook));
  (void)now;
  end_hooks(in);
}

static void shutdown_stepped(lc_step step, void *user)
{
  run *in = user;
  run_trace(in, "process: %s", lc_step_name(step));
  if (step == LC_STEP_STOP) in->process_stop_at = sim_now(in->kernel);
  if (step == LC_STEP_DONE) check_done(in);
  if (step == LC_STEP_HOOKS && in->plan->has_hooks && !lc_shutdown_skips_hooks(in->shutdown)) {
    in->hook_holds = 1;
    lc_shutdown_hold(in->shutdown);
    lc_timer_set(in->loop, &in->hook, lc_time_add(lc_loop_now(in->loop), in->plan->hook_time));
  }
  if (step == LC_STEP_KILL) end_hooks(in); /* a third signal, during the hooks */
}

static const lc_shutdown_events SHUTDOWN_EVENTS = {.step = shutdown_stepped};

/* ----------------------------------------------------------------- set-up -- */

static void closing(void *user, int fd, const sim_truth *truth)
{
  run *in = user;
  lc_step step = lc_server_step(in->server);
  for (unsigned i = 0; i < in->handlers; i++) {
    handler *h = &in->handler[i];
    if (lc_conn_fd(h->conn) != fd) continue;
    h->closes++;
    h->at_close = *truth;
    h->untaken = check_ticket_missing(in, truth);
    check_shake_aside(in, &h->at_close);
    h->closed_at = sim_now(in->kernel);
    h->turn_at = lc_loop_now(in->loop);
    h->step_then = step;
    h->was_reading = h->waits_read && !h->closing_at;
    if (step >= LC_STEP_KILL) h->is_cut_short = 1;
    return;
  }
}

static void spoil(run *in)
{
  for (int i = 0; i < PLAN_FAULTS; i++) {
    const plan_fault *fault = &in->plan->fault[i];
    if (fault->is_used)
      sim_process_fail(in->process, fault->call, fault->nth, fault->times, fault->code);
  }
  if (in->plan->allocation) memory_fail(in->plan->allocation, in->plan->allocations);
}

static int speak_http(run *in, lc_server_options *options)
{
  in->http = lc_http_service_new(NULL);
  if (!in->http) return 0;
  options->protocol = lc_http_service_protocol(in->http);
  options->closes_idle = options->closes_at_cancel = 1;
  http_handler_events(&in->events);
  return 1;
}

static void speak_websocket(run *in, lc_server_options *options)
{
  options->closes_idle = options->closes_at_cancel = 1;
  ws_handler_events(&in->events);
}

/* 0, or the code with which it cannot begin: without faults there is none. */
static int set_up(run *in)
{
  const plan *p = in->plan;
  lc_listen_options listen;
  int error = 0;
  in->loop = lc_loop_new(in->sys, &error);
  if (!in->loop) return error;
  if (lc_timer_open(in->loop, &in->hook, hook_due) < 0) return -ENOMEM;
  in->shutdown = lc_shutdown_new(in->loop, &p->drain, &SHUTDOWN_EVENTS, in, &error);
  if (!in->shutdown) return error;
  lc_server_options options = p->server;
  options.closes_idle = !p->tells_draining;
  options.accepts_by_hand = p->by_hand > 0;
  options.closes_at_cancel = 0; /* the handlers are told to end, by `stepped` */
  in->events = p->tells_draining ? HANDLER_EVENTS_TELLING : HANDLER_EVENTS;
  shaking_init(&in->shaking, in);
  if (p->shakes) options.transport = &in->shaking.table;
  if (p->speaks_http && !speak_http(in, &options)) return -ENOMEM;
  if (p->speaks_websocket) speak_websocket(in, &options);
  in->server = lc_server_new(in->loop, &options, &in->events, in, &error);
  if (!in->server) return error;
  error = lc_loop_signal(in->loop, SIGTERM, signal_seen, in);
  if (error < 0) return error;
  lc_listen_options_init(&listen);
  listen.backlog = p->backlog;
  in->address = (lc_address){
    .of.in = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}},
    .length = sizeof(struct sockaddr_in)};
  error = lc_server_listen(in->server, &in->address, &listen);
  if (error < 0) return error;
  lc_shutdown_set_hooks(in->shutdown, p->has_hooks);
  meddle_set_up(in);
  lc_loop_on_turn(in->loop, handlers_run, in);
  return 0;
}

static void plan_ahead(run *in)
{
  lc_time start = sim_now(in->kernel);
  *sim_kernel_network(in->kernel) = in->plan->network;
  sim_process_cost(in->process, in->plan->cost);
  sim_process_disorder(in->process, in->plan->disorder);
  sim_process_limit(in->process, in->plan->descriptors);
  if (in->plan->seed % FORKED == 0) sim_process_fork(in->process);
  sim_truth_on_close(in->process, closing, in);
  for (unsigned i = 0; i < in->plan->clients; i++) {
    client *c = &in->client[i];
    *c = (client){.in = in, .plan = &in->plan->client[i], .index = i, .fd = -1};
    if (c->plan->is_used) client_start(c);
  }
  for (int i = 0; i < PLAN_ACTS; i++)
    if (in->plan->act[i].kind) sim_at(in->kernel, start + in->plan->act[i].at, COMES[i], in);
}

/* ---------------------------------------------------------------- turning -- */

static int is_over(const run *in) { return lc_shutdown_step(in->shutdown) == LC_STEP_DONE; }

static void turn_until_over(run *in)
{
  lc_time end = sim_now(in->kernel) + PATIENCE;
  while (!is_over(in) && !in->failure[0]) {
    check_wait(in);
    int result = lc_loop_turn(in->loop, end - sim_now(in->kernel));
    if (result < 0) run_fail(in, "the loop has failed: %s", lc_code_text(result));
    check_turn(in);
    if (++in->turns > TURNS_AT_MOST) run_fail(in, "the loop spins");
    if (sim_now(in->kernel) >= end) run_fail(in, "nothing comes to an end");
  }
}

/* The connections that are left are the kernel's, and their clients are to hear of it. */
static void let_it_sink_in(run *in)
{
  lc_time end = sim_now(in->kernel) + 200 * LC_SECOND;
  if (!in->failure[0]) sim_run(in->kernel, end);
}

static void take_down(run *in)
{
  lc_server_free(in->server);
  lc_shutdown_free(in->shutdown);
  if (in->loop) {
    for (unsigned i = 0; i < in->handlers; i++) {
      lc_timer_close(in->loop, &in->handler[i].timer);
      lc_timer_close(in->loop, &in->handler[i].spawned);
    }
    lc_timer_close(in->loop, &in->hook);
  }
  for (unsigned i = 0; i < in->handlers; i++) lc_conn_unref(in->handler[i].conn);
  lc_http_service_free(in->http);
  meddle_take_down(in);
  lc_loop_free(in->loop);
}

int run_plan(run *in, const plan *p, FILE *trace)
{
  long before = memory_live();
  memset(in, 0, sizeof *in);
  in->plan = p;
  in->trace = trace;
  in->kernel = sim_kernel_new(p->seed);
  in->process = sim_process_new(in->kernel, 1);
  in->sys = sim_process_sys(in->process);
  int result = set_up(in);
  if (result < 0) run_fail(in, "cannot begin: %s", lc_code_text(result));
  if (!result) {
    plan_ahead(in);
    spoil(in);
    turn_until_over(in);
    memory_well();
    if (!in->failure[0]) check_over(in);
    let_it_sink_in(in);
    if (!in->failure[0]) check_end(in);
  }
  take_down(in);
  if (!in->failure[0] && sim_process_descriptors(in->process))
    run_fail(in, "%d descriptors are left", sim_process_descriptors(in->process));
  if (!in->failure[0] && memory_live() != before)
    run_fail(in, "%ld pieces of memory are left", memory_live() - before);
  sim_kernel_free(in->kernel);
  return !in->failure[0];
}
