/* main.c - plays every scene on both kernels, and compares what was written down.
 *
 *   fidelity [--show] [--apart NEAR FAR] [WORD...]
 *
 * Those whose names contain the words; without words, all: as TAP, or what the real kernel did.
 * NEAR and FAR are the paths of two network namespaces 200 ms of round trip apart
 * (scripts/sim-fidelity makes them), in which the scenes at a distance are played on the real
 * kernel; without, they are left out, and so are those that ask the real kernel for what it denies
 * to this process.
 *
 * On the real kernel each is played by a process of its own, many at a time, for some wait long.
 * Over loopback packets arrive before the call that sent them returns, or, on a machine under load,
 * a moment later: a scene in which the kernels differ is played again, with ever longer rests
 * between its steps, before it counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/features.h"
#include "scene.h"

enum { MOST = 256, AT_A_TIME = 24, TIME_LIMIT = 60 /* seconds for one scene */, WIDTH = 60 };

typedef struct play {
  const scene_entry *entry;
  scene *real; /* shared with the process that plays it */
  scene *sim;
  int is_apart;         /* at a distance */
  const char *left_out; /* why, or NULL */
} play;

static const char NO_HOSTS[] = "two hosts need root and /dev/net/tun (make sim-fidelity)";

static play plays[MOST];
static int play_count;
static const char *near_host, *far_host;

static int is_wanted(const scene_entry *entry, char **words)
{
  for (; *words; words++)
    if (!strstr(entry->name, *words)) return 0;
  return 1;
}

static void choose(char **words)
{
  static const scene_entry *const THEMES[] = {
    HANDSHAKE_SCENES,  LISTENER_SCENES, TRANSFER_SCENES, ENDING_SCENES, EDGE_SCENES,
    DESCRIPTOR_SCENES, OPTION_SCENES,   LOSS_SCENES,     UNIX_SCENES,   DISTANCE_SCENES};
  for (size_t i = 0; i < sizeof THEMES / sizeof *THEMES; i++) {
    int is_apart = THEMES[i] == DISTANCE_SCENES;
    for (const scene_entry *entry = THEMES[i]; entry->name && play_count < MOST; entry++) {
      if (!is_wanted(entry, words)) continue;
      plays[play_count++] = (play){
        .entry = entry, .is_apart = is_apart, .left_out = is_apart && !near_host ? NO_HOSTS : NULL};
    }
  }
}

static int make_room(void)
{
  size_t size = sizeof(scene) * (size_t)play_count;
  scene *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  scene *own = calloc((size_t)play_count, sizeof *own);
  if (shared == MAP_FAILED || !own) return -1;
  for (int i = 0; i < play_count; i++) {
    plays[i].real = &shared[i];
    plays[i].sim = &own[i];
  }
  return 0;
}

static int differs(const play *one) { return strcmp(one->real->text, one->sim->text) != 0; }

static void play_real(const play *one, lc_time rest)
{
  stage real = stage_linux(rest, one->is_apart ? near_host : NULL, far_host);
  alarm(TIME_LIMIT);
  if (one->is_apart) real.move(0);
  scene_play(one->real, &real, one->entry);
}

/* Those in which the kernels differ as yet. */
static void play_round(lc_time rest)
{
  int running = 0;
  fflush(stdout);
  for (int i = 0; i < play_count; i++) {
    if (plays[i].left_out || !differs(&plays[i])) continue;
    if (running == AT_A_TIME && wait(NULL) > 0) running--;
    pid_t child = fork();
    if (child == 0) {
      play_real(&plays[i], rest);
      _exit(0);
    }
    if (child > 0) running++;
  }
  while (running > 0 && wait(NULL) > 0) running--;
}

/* The next line of a text, which is cut where it ends; "" when there is none. */
static const char *next_line(char **text)
{
  char *line = *text, *end = strchr(line, '\n');
  *text = end ? end + 1 : line + strlen(line);
  if (end) *end = 0;
  return line;
}

static void print_side_by_side(const play *one)
{
  char *real = one->real->text, *sim = one->sim->text;
  printf("#   %-*s | %s\n", WIDTH, "the real kernel", "the simulated one");
  while (*real || *sim) {
    const char *left = next_line(&real), *right = next_line(&sim);
    printf("# %s %-*s | %s\n", strcmp(left, right) ? "!" : " ", WIDTH, left, right);
  }
}

/* Whether the kernels differ. */
static int report(const play *one, int number)
{
  if (one->left_out) {
    printf("%s\n", one->left_out);
    printf("ok %d # SKIP %s\n", number, one->entry->name);
    return 0;
  }
  int bad = differs(one);
  printf("%sok %d - %s\n", bad ? "not " : "", number, one->entry->name);
  if (bad) print_side_by_side(one);
  return bad;
}

/* What the scene asks for, and the real kernel denies: a reason to leave it out, or NULL. */
static const char *denied(const scene *sim, const lc_features *features)
{
  if ((sim->asks & SCENE_HIDES) && !features->hide) return "no listener can be hidden here";
  if ((sim->asks & SCENE_COUNTS) && !features->sock_diag)
    return "handshakes cannot be counted here";
  return NULL;
}

static int compare(void)
{
  static const lc_time RESTS[] = {0, 2 * LC_MILLISECOND, 10 * LC_MILLISECOND, 20 * LC_MILLISECOND};
  lc_features features;
  int failed = 0, skipped = 0;
  lc_features_probe(lc_sys_linux(), &features);
  for (int i = 0; i < play_count; i++) {
    stage sim = stage_sim(plays[i].is_apart);
    scene_play(plays[i].sim, &sim, plays[i].entry);
    if (!plays[i].left_out) plays[i].left_out = denied(plays[i].sim, &features);
  }
  for (size_t i = 0; i < sizeof RESTS / sizeof *RESTS; i++) play_round(RESTS[i]);

  printf("1..%d\n", play_count);
  for (int i = 0; i < play_count; i++) {
    failed += report(&plays[i], i + 1);
    skipped += plays[i].left_out != NULL;
  }
  printf("figure: %d scenes on both kernels, %d differ\n", play_count - skipped, failed);
  return failed > 0;
}

static int show(void)
{
  for (int i = 0; i < play_count; i++) strcpy(plays[i].sim->text, "not played");
  play_round(0);
  for (int i = 0; i < play_count; i++)
    printf("--- %s\n%s", plays[i].entry->name, plays[i].real->text);
  return 0;
}

int main(int argc, char **argv)
{
  (void)argc;
  int shows = 0;
  for (argv++; *argv && !strncmp(*argv, "--", 2); argv++) {
    if (!strcmp(*argv, "--show")) {
      shows = 1;
    } else if (!strcmp(*argv, "--apart") && argv[1] && argv[2]) {
      near_host = *++argv;
      far_host = *++argv;
    } else {
      fprintf(stderr, "usage: fidelity [--show] [--apart NEAR FAR] [WORD...]\n");
      return 2;
    }
  }
  choose(argv);
  if (!play_count) {
    fprintf(stderr, "fidelity: there is no such scene\n");
    return 2;
  }
  if (make_room() < 0) {
    perror("fidelity");
    return 2;
  }
  return shows ? show() : compare();
}
