/* world.h - one plan of the supervisor in the simulated kernel: its processes, what is done to
 * them, who comes.
 *
 * The master and its workers are the program `lastcall` itself, each in a Lua state of its own
 * (program.c). Clients and operators are programs in C, which wait as they like (clients.c,
 * deeds.c). Everything comes from the seed.
 */
#ifndef SUPERVISE_WORLD_H
#define SUPERVISE_WORLD_H

#include <stdint.h>
#include <stdio.h>

#include "kernel.h"

enum { CLIENTS = 40, DEEDS = 6, BUILDS = 16, WORLD_TEXT = 256, PORT = 80, DRAIN = 5 };

#define SOCKET_PATH "/run/toy"
#define CONTROL_PATH "/run/toy.sock"
#define SCRIPT "toy.lua"
#define ADDRESS "127.0.0.1:80"

typedef struct world world;

/* What a version of the script does. */
typedef enum build {
  BUILD_GOOD,
  BUILD_UNPARSABLE,
  BUILD_DIES,
  BUILD_HANGS,
  BUILD_BLOCKS, /* its thread, at the start */
  BUILD_UNREADY,
  BUILD_CRASHES, /* soon after it was ready */
  BUILD_KINDS
} build;

typedef enum deed_kind {
  DEED_RELOAD,
  DEED_HANG_UP, /* SIGHUP, some of them */
  DEED_GROW,
  DEED_SHRINK,
  DEED_KILL_WORKER,
  DEED_KILL_MASTER,
  DEED_KINDS
} deed_kind;

typedef struct deed {
  world *in;
  sim_process *process;
  deed_kind kind;
  int is_early; /* counted from the start, not since the service serves */
  lc_time at;
  build build;    /* that is deployed before it */
  unsigned which; /* worker; how many signals */
  uint64_t calls; /* the victim makes before it dies */
} deed;

typedef enum client_end {
  CLIENT_NOT_THERE,
  CLIENT_ANSWERED,
  CLIENT_REFUSED,
  CLIENT_LOST,
  CLIENT_TIRED /* nothing has come for very long */
} client_end;

typedef struct client {
  world *in;
  unsigned index;
  sim_process *process;
  lc_time at;
  int is_unix;
  unsigned work; /* milliseconds that its request takes */
  client_end end;
  unsigned version, least;      /* that has answered; that may have */
  const sim_process *served_by; /* NULL: nobody has accepted it */
} client;

/* A program in Lua. */
typedef struct program {
  world *in;
  struct program *next;
  sim_process *process;
  const char *const *argv;
  const char *line; /* what LASTCALL_WORKER says; NULL: it is the master */
  int is_blocked;
} program;

/* Reads what the master writes to stderr. */
typedef struct console {
  world *in;
  sim_process *process;
  int fd;
} console;

struct world {
  sim_kernel *kernel;
  sim_process *init; /* parent of the master */
  console console;
  FILE *trace;
  char *failure;
  uint64_t digest; /* of the trace */

  unsigned workers;
  int is_rolling;    /* reloads are */
  int is_given;      /* the master opens the address */
  lc_time serves_at; /* 0: not yet */
  lc_time stops_at;  /* after serves_at */
  int is_stopped;
  lc_time stopped_at;
  lc_time crashed_at; /* last */
  lc_time quiet_from; /* all that was done has had its effects */
  unsigned busy;      /* deeds under way */
  unsigned serving;   /* workers that are to serve then */
  int has_crashed_worker, has_crashed_master, has_bad_build;
  unsigned crashes;
  int is_sure; /* no build that fails, and nothing is killed */
  program *programs, *master;
  int master_status; /* -1: it runs, or was killed */

  build builds[BUILDS];
  unsigned version; /* on the disk */
  unsigned served;  /* the version that serves at least, by what reload has answered */

  deed deeds[DEEDS];
  unsigned deed_count;
  client clients[CLIENTS];
  unsigned client_count;
};

/* Whether all was well. `of_all`, if not NULL, becomes the digest of all that happened. */
int world_run(uint64_t seed, char failure[WORLD_TEXT], FILE *trace, uint64_t *of_all);

void plan_world(world *in, uint64_t seed);
/* run.c */
__attribute__((format(printf, 2, 3))) void tell(world *in, const char *format, ...);
__attribute__((format(printf, 2, 3))) void fail(world *in, const char *format, ...);
uint64_t below(world *in, uint64_t limit);
sim_process *run_c(world *in, int host, void (*run)(void *user), void *user);
/* The newest build is a version more. */
void deploy(world *in, build kind);

/* program.c */
sim_exec program_exec;
const char *build_name(build kind);

/* wire.c: calls that wait, for programs in C. Descriptors or counts; or a code. */
int wire_connect(sim_process *process, int is_unix, const char *path, lc_time patience);
int wire_say(sim_process *process, int fd, const char *text);
/* Until a line is whole, the end, or the patience's. */
int wire_read_line(sim_process *process, int fd, char *line, size_t size, lc_time patience);
void wire_close(sim_process *process, int fd);

void client_run(void *user);
void deed_run(void *user);
void init_run(void *user); /* starts the master, and stops it at the end */
void program_crashed(void *user, sim_process *process);
void console_run(void *user);
#endif
