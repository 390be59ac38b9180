/* bounded.c - runs a command with an end to its time, and lets nothing of it stay behind.
 *
 *   bounded SECONDS COMMAND ARGUMENT...
 *
 * Every process that descends from the command ends with it, also one that has left its parents and
 * its session: as a subreaper this program becomes the parent of all that lose theirs. SIGINT,
 * SIGTERM, SIGHUP and the end of this program's own parent are the end of the command too.
 *
 * Exit status: the command's, 128 and the signal that ended the command or this program, or 124
 * when the time was over.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIME_OVER = 124, NOT_FOUND = 127, BY_SIGNAL = 128 };

static int status_of(int ended)
{
  return WIFEXITED(ended) ? WEXITSTATUS(ended) : BY_SIGNAL + WTERMSIG(ended);
}

static sigset_t signals(void)
{
  static const int all[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) sigaddset(&set, all[i]);
  return set;
}

static pid_t start(char **command)
{
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0) return child;
  /* The shell that starts tests side by side ignores SIGINT for them. */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGINT, SIG_DFL);
  signal(SIGQUIT, SIG_DFL);
  setpgid(0, 0); /* what a terminal sends goes to whom it started, and comes here from there */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(NOT_FOUND);
  execvp(command[0], command);
  perror(command[0]);
  _exit(NOT_FOUND);
}

/* Takes what has ended; whether the command is among it, and then how it ended. */
static int has_ended(pid_t command, int *status)
{
  int ended, found = 0;
  pid_t pid;
  while ((pid = waitpid(-1, &ended, WNOHANG)) > 0) {
    if (pid != command) continue;
    *status = status_of(ended);
    found = 1;
  }
  return found;
}

/* The command's exit status, or why it is not waited for any longer. */
static int wait_for(pid_t command, double seconds)
{
  sigset_t set = signals();
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double deadline = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds;
  for (;;) {
    int status;
    if (has_ended(command, &status)) return status;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double left = deadline - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
    if (left <= 0) return TIME_OVER;
    struct timespec rest = {.tv_sec = (time_t)left,
                            .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
    int signal = sigtimedwait(&set, NULL, &rest);
    if (signal > 0 && signal != SIGCHLD) return BY_SIGNAL + signal;
  }
}

/* Ends the children of this program until none is left. When a child ends, its children become
 * ours, and are next. */
static void end_all(void)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  do {
    FILE *children = fopen(path, "r");
    int pid;
    if (!children) return;
    while (fscanf(children, "%d", &pid) == 1) kill(pid, SIGKILL);
    fclose(children);
  } while (waitpid(-1, NULL, 0) > 0);
}

int main(int count, char **arguments)
{
  if (count < 3) {
    fputs("usage: bounded SECONDS COMMAND ARGUMENT...\n", stderr);
    return 2;
  }
  sigset_t set = signals();
  sigprocmask(SIG_BLOCK, &set, NULL);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  pid_t command = start(arguments + 2);
  if (command < 0) {
    perror("bounded: fork");
    return 2;
  }
  int status = wait_for(command, strtod(arguments[1], NULL));
  end_all();
  return status;
}
