/* subject.c - starting, watching and ending the server that is measured. */
#include "subject.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

enum { PATIENCE = 20000 /* ms for a server to listen */ };

/* ---- start ---- */

static _Noreturn void become(char **command, int processor, int output)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  run_on(processor);
  dup2(output, STDOUT_FILENO);
  execvp(command[0], command);
  give_up(command[0]);
}

/* One line, byte by byte: what follows it is read when the server has ended. */
static void read_line(int fd, char *line, size_t room)
{
  size_t length = 0;
  for (;;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;
    if (poll(&ready, 1, PATIENCE) <= 0) give_up("the server does not say where it listens");
    if (read(fd, &byte, 1) != 1) give_up("the server ended before it listened");
    if (byte == '\n') break;
    if (length + 1 < room) line[length++] = byte;
  }
  line[length] = '\0';
}

static uint16_t port_in(const char *line)
{
  const char *digits = line + strlen(line);
  while (digits > line && isdigit((unsigned char)digits[-1])) digits--;
  return (uint16_t)strtoul(digits, NULL, 10);
}

/* Returns the parent, and sets the state as a letter; 0 when the process is gone. */
static pid_t look_at(pid_t pid, char *state)
{
  char path[64], text[512];
  int parent = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  if (fgets(text, sizeof text, file)) {
    const char *name_end = strrchr(text, ')');
    if (!name_end || sscanf(name_end + 1, " %c %d", state, &parent) != 2) parent = 0;
  }
  fclose(file);
  return parent;
}

static void find_children(struct subject *subject)
{
  DIR *proc = opendir("/proc");
  if (!proc) give_up("/proc");
  for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
    pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
    char state;
    if (pid > 0 && look_at(pid, &state) == subject->process[0] &&
        subject->processes < SUBJECT_PROCESSES)
      subject->process[subject->processes++] = pid;
  }
  closedir(proc);
}

void subject_start(struct subject *subject, char **command, int processor)
{
  int ends[2];
  char line[256];
  if (pipe(ends) < 0) give_up("pipe");
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    close(ends[0]);
    become(command, processor, ends[1]);
  }
  close(ends[1]);
  *subject = (struct subject){.process = {pid}, .processes = 1, .output = ends[0]};
  read_line(ends[0], line, sizeof line);
  subject->port = port_in(line);
  if (subject->port == 0) {
    fprintf(stderr, "load: %s says \"%s\" instead of its port\n", command[0], line);
    exit(3);
  }
  find_children(subject);
}

/* ---- watch ---- */

int64_t subject_processor(const struct subject *subject)
{
  int64_t sum = 0;
  for (unsigned i = 0; i < subject->processes; i++) {
    clockid_t clock;
    if (clock_getcpuclockid(subject->process[i], &clock) == 0) sum += read_clock(clock);
  }
  return sum;
}

static int64_t memory_of(pid_t pid)
{
  char path[64], line[256];
  long long kilobytes, sum = 0;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "Private_Dirty: %lld", &kilobytes) == 1) sum += kilobytes;
  fclose(file);
  return sum * 1024;
}

int64_t subject_memory(const struct subject *subject)
{
  int64_t sum = 0;
  for (unsigned i = 0; i < subject->processes; i++) sum += memory_of(subject->process[i]);
  return sum;
}

unsigned subject_servers(const struct subject *subject)
{
  return subject->processes > 1 ? subject->processes - 1 : 1;
}

/* ---- standing still ---- */

void subject_freeze(const struct subject *subject)
{
  const struct timespec moment = {.tv_nsec = 100000};
  for (unsigned i = 0; i < subject->processes; i++) kill(subject->process[i], SIGSTOP);
  for (unsigned i = 0; i < subject->processes; i++)
    for (char state = 'T'; look_at(subject->process[i], &state) && state != 'T';)
      nanosleep(&moment, NULL);
}

void subject_thaw(const struct subject *subject)
{
  for (unsigned i = 0; i < subject->processes; i++) kill(subject->process[i], SIGCONT);
}

/* ---- end ---- */

void subject_stop(const struct subject *subject) { kill(subject->process[0], SIGTERM); }

/* Until the process has ended, or so many milliseconds. True when it has. */
static bool wait_for_end(pid_t pid, int milliseconds)
{
  int handle = (int)syscall(SYS_pidfd_open, pid, 0);
  if (handle < 0) give_up("pidfd_open");
  struct pollfd ended = {.fd = handle, .events = POLLIN};
  int result;
  do result = poll(&ended, 1, milliseconds);
  while (result < 0 && errno == EINTR);
  close(handle);
  return result > 0;
}

static void read_rest(int fd, char *said, size_t room)
{
  size_t length = 0;
  ssize_t got;
  while (length + 1 < room && (got = read(fd, said + length, room - 1 - length)) > 0)
    length += (size_t)got;
  said[length] = '\0';
  for (char *at = said; *at; at++)
    if (*at == '\n') *at = ' ';
}

void subject_wait(struct subject *subject, int64_t stopped, double seconds, struct subject_end *end)
{
  struct rusage usage = {0};
  memset(end, 0, sizeof *end);
  if (!wait_for_end(subject->process[0], (int)(seconds * 1000))) kill(subject->process[0], SIGKILL);
  while (wait4(subject->process[0], &end->status, 0, &usage) < 0 && errno == EINTR) continue;
  end->elapsed = clock_now() - stopped;
  end->processor = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
                   ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
  read_rest(subject->output, end->said, sizeof end->said);
  close(subject->output);
}
