/* link.c - a user-space link between two network namespaces.
 *
 * Makes a TUN device in each of two existing namespaces, addresses them
 * (left 10.77.0.1 and fd77::1, right 10.77.0.2 and fd77::2) and carries packets
 * from one to the other with a delay, with loss, or not at all. It exists because
 * what a stopping server does wrong shows only at a distance, and because netem is
 * missing from some kernels. Needs root and /dev/net/tun.
 *
 * The delay is the same for all packets, so each direction is a plain queue: what
 * came first is due first, and one timer, set to the earlier head, drives both.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
  MTU = 1500,
  DEVICE_QUEUE = 20000, /* packets the kernel holds for us: a storm comes in bursts */
  MOST_QUEUED = 100000, /* packets in flight one way, so that memory has a bound */
  BATCH = 64,           /* packets read from one side before the other has its turn */
  MOST_DELAY = 60000,   /* ms */
};

static const char device_name[] = "lab0";

struct packet {
  struct packet *next;
  int64_t due; /* monotonic microseconds */
  size_t length;
  unsigned char data[];
};

struct counts {
  uint64_t carried, lost, blocked, overflowed, refused;
};

/* One direction: from one device into the other. */
struct way {
  const char *name;
  int from, to;
  bool blocked;
  struct packet *head, **tail;
  size_t queued;
  struct counts counts;
};

struct link {
  struct way ways[2]; /* from left, from right */
  int epoll_fd, timer_fd, signal_fd, control_fd;
  int64_t now;
  int64_t armed; /* when the timer is due; 0 when it is not set */
  int64_t delay;
  uint64_t one_in; /* of so many packets one is lost; 0 is none */
  uint64_t random;
  bool over;
  char command[128]; /* what came through the control fifo, up to a newline */
  size_t command_length;
};

static _Noreturn void give_up(const char *what)
{
  fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void misused(void)
{
  fputs(
    "usage: link --left NAMESPACE --right NAMESPACE [--delay MS] [--loss N] [--seed N]\n"
    "            [--control FIFO]\n"
    "  --delay MS      one way, may have a fraction (0)\n"
    "  --loss N        one packet in N is lost (0: none)\n"
    "  --control FIFO  reads lines: delay MS, loss N, block left|right|both|none, status\n"
    "Prints `ready` when the link is up. SIGUSR1 toggles blocking what comes from the\n"
    "left, SIGUSR2 from the right; SIGTERM and SIGINT end it and print the counts.\n",
    stderr);
  exit(2);
}

static int64_t clock_now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- the devices ---- */

static void enter_namespace(const char *name)
{
  char path[256];
  snprintf(path, sizeof path, "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) give_up(path);
  if (setns(fd, CLONE_NEWNET) < 0) give_up("setns");
  close(fd);
}

static void device_control(int fd, unsigned long request, struct ifreq *device, const char *what)
{
  memcpy(device->ifr_name, device_name, sizeof device_name);
  if (ioctl(fd, request, device) < 0) give_up(what);
}

static void set_v4(int fd, unsigned long request, const char *text)
{
  struct ifreq device = {0};
  struct sockaddr_in name = {.sin_family = AF_INET};
  inet_pton(AF_INET, text, &name.sin_addr);
  memcpy(&device.ifr_addr, &name, sizeof name);
  device_control(fd, request, &device, text);
}

/* A machine without IPv6 still has a lab. */
static void set_v6(int index, const char *text)
{
  struct {
    struct in6_addr address;
    uint32_t prefix;
    int index;
  } request = {.prefix = 64, .index = index};
  inet_pton(AF_INET6, text, &request.address);
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFADDR, &request) < 0)
    fprintf(stderr, "link: no %s: %s\n", text, strerror(errno));
  if (fd >= 0) close(fd);
}

static void bring_up(int fd, const char *name)
{
  struct ifreq device = {0};
  snprintf(device.ifr_name, sizeof device.ifr_name, "%s", name);
  if (ioctl(fd, SIOCGIFFLAGS, &device) < 0) give_up(name);
  device.ifr_flags = (short)(device.ifr_flags | IFF_UP);
  if (ioctl(fd, SIOCSIFFLAGS, &device) < 0) give_up(name);
}

static int open_device(const char *namespace, const char *v4, const char *v6)
{
  enter_namespace(namespace);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0) give_up("/dev/net/tun");
  struct ifreq device = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  device_control(tun, TUNSETIFF, &device, "TUNSETIFF");

  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  device = (struct ifreq){.ifr_mtu = MTU};
  device_control(fd, SIOCSIFMTU, &device, "mtu");
  device = (struct ifreq){.ifr_qlen = DEVICE_QUEUE};
  device_control(fd, SIOCSIFTXQLEN, &device, "txqueuelen");
  set_v4(fd, SIOCSIFADDR, v4);
  set_v4(fd, SIOCSIFNETMASK, "255.255.255.0");
  bring_up(fd, "lo");
  bring_up(fd, device_name);
  device = (struct ifreq){0};
  device_control(fd, SIOCGIFINDEX, &device, "index");
  set_v6(device.ifr_ifindex, v6);
  close(fd);
  return tun;
}

/* ---- carrying ---- */

static bool is_unlucky(struct link *link)
{
  if (link->one_in == 0) return false;
  link->random ^= link->random << 13; /* xorshift: the same seed, the same losses */
  link->random ^= link->random >> 7;
  link->random ^= link->random << 17;
  return link->random % link->one_in == 0;
}

static void deliver(struct way *way, const void *data, size_t length)
{
  if (write(way->to, data, length) == (ssize_t)length) way->counts.carried++;
  else way->counts.refused++;
}

static void enqueue(struct link *link, struct way *way, const void *data, size_t length)
{
  struct packet *packet = NULL;
  if (way->queued < MOST_QUEUED) packet = malloc(sizeof *packet + length);
  if (!packet) {
    way->counts.overflowed++;
    return;
  }
  packet->next = NULL;
  packet->due = link->now + link->delay;
  packet->length = length;
  memcpy(packet->data, data, length);
  *way->tail = packet;
  way->tail = &packet->next;
  way->queued++;
}

static void take_in(struct link *link, struct way *way)
{
  unsigned char data[MTU + 64];
  for (int i = 0; i < BATCH; i++) {
    ssize_t n = read(way->from, data, sizeof data);
    if (n <= 0) return;
    if (way->blocked) way->counts.blocked++;
    else if (is_unlucky(link)) way->counts.lost++;
    else if (link->delay == 0 && !way->head) deliver(way, data, (size_t)n);
    else enqueue(link, way, data, (size_t)n);
  }
}

/* What is on its way when a direction is blocked is gone too, as on a cut wire. */
static void hand_out(struct link *link, struct way *way)
{
  while (way->head && way->head->due <= link->now) {
    struct packet *packet = way->head;
    way->head = packet->next;
    if (!way->head) way->tail = &way->head;
    way->queued--;
    if (way->blocked) way->counts.blocked++;
    else deliver(way, packet->data, packet->length);
    free(packet);
  }
}

static void arm(struct link *link)
{
  int64_t due = 0;
  for (int i = 0; i < 2; i++) {
    const struct packet *head = link->ways[i].head;
    if (head && (due == 0 || head->due < due)) due = head->due;
  }
  if (due == 0 || due == link->armed) return;
  struct itimerspec at = {
    .it_value = {.tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000},
  };
  if (timerfd_settime(link->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0) give_up("timerfd");
  link->armed = due;
}

static void timer_rang(struct link *link)
{
  uint64_t times;
  if (read(link->timer_fd, &times, sizeof times) == (ssize_t)sizeof times) link->armed = 0;
}

/* ---- being told ---- */

static void print_counts(const struct link *link)
{
  for (int i = 0; i < 2; i++) {
    const struct way *way = &link->ways[i];
    const struct counts *n = &way->counts;
    fprintf(stderr,
            "link from=%s carried=%llu lost=%llu blocked=%llu overflowed=%llu refused=%llu "
            "queued=%zu\n",
            way->name, (unsigned long long)n->carried, (unsigned long long)n->lost,
            (unsigned long long)n->blocked, (unsigned long long)n->overflowed,
            (unsigned long long)n->refused, way->queued);
  }
}

static bool set_delay(struct link *link, const char *text)
{
  char *end;
  double ms = strtod(text, &end);
  if (end == text || *end != '\0' || !(ms >= 0 && ms <= MOST_DELAY)) return false;
  link->delay = (int64_t)(ms * 1000);
  return true;
}

static bool set_number(uint64_t *number, const char *text)
{
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (end == text || *end != '\0' || text[0] == '-') return false;
  *number = value;
  return true;
}

static bool set_blocked(struct link *link, const char *which)
{
  bool both = strcmp(which, "both") == 0, none = strcmp(which, "none") == 0;
  bool left = strcmp(which, "left") == 0, right = strcmp(which, "right") == 0;
  if (!both && !none && !left && !right) return false;
  link->ways[0].blocked = both || left;
  link->ways[1].blocked = both || right;
  return true;
}

static void obey(struct link *link, const char *command)
{
  bool understood = false;
  if (strcmp(command, "status") == 0) print_counts(link), understood = true;
  else if (strncmp(command, "delay ", 6) == 0) understood = set_delay(link, command + 6);
  else if (strncmp(command, "loss ", 5) == 0) understood = set_number(&link->one_in, command + 5);
  else if (strncmp(command, "block ", 6) == 0) understood = set_blocked(link, command + 6);
  if (!understood) fprintf(stderr, "link: did not understand '%s'\n", command);
}

static void read_control(struct link *link)
{
  char c;
  while (read(link->control_fd, &c, 1) == 1) {
    if (c == '\n') {
      link->command[link->command_length] = '\0';
      link->command_length = 0;
      obey(link, link->command);
    } else if (link->command_length + 1 < sizeof link->command) {
      link->command[link->command_length++] = c;
    }
  }
}

static void read_signals(struct link *link)
{
  struct signalfd_siginfo info;
  while (read(link->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGUSR1) link->ways[0].blocked = !link->ways[0].blocked;
    else if (info.ssi_signo == SIGUSR2) link->ways[1].blocked = !link->ways[1].blocked;
    else link->over = true;
  }
}

/* ---- the loop ---- */

static void watch(const struct link *link, int fd)
{
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (fd >= 0 && epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) give_up("epoll_ctl");
}

static void open_loop(struct link *link, const char *control)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  link->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (link->signal_fd < 0 || link->timer_fd < 0 || link->epoll_fd < 0) give_up("setting up");
  link->control_fd = -1;
  /* For writing too: so that the end of one writer is not the end of the fifo. */
  if (control) link->control_fd = open(control, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (control && link->control_fd < 0) give_up(control);
  watch(link, link->signal_fd);
  watch(link, link->timer_fd);
  watch(link, link->control_fd);
  watch(link, link->ways[0].from);
  watch(link, link->ways[1].from);
}

static void run(struct link *link)
{
  while (!link->over) {
    struct epoll_event events[8];
    arm(link);
    int n = epoll_wait(link->epoll_fd, events, 8, -1);
    link->now = clock_now();
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == link->timer_fd) timer_rang(link);
      else if (fd == link->signal_fd) read_signals(link);
      else if (fd == link->control_fd) read_control(link);
      else take_in(link, &link->ways[fd == link->ways[1].from]);
    }
    hand_out(link, &link->ways[0]);
    hand_out(link, &link->ways[1]);
  }
}

int main(int argc, char **argv)
{
  static struct link link = {.random = 88172645463325252u};
  const char *left = NULL, *right = NULL, *control = NULL;
  if (argc % 2 == 0) misused();
  for (int i = 1; i < argc; i += 2) {
    const char *name = argv[i], *value = argv[i + 1];
    uint64_t seed = 0;
    bool good = true;
    if (strcmp(name, "--left") == 0) left = value;
    else if (strcmp(name, "--right") == 0) right = value;
    else if (strcmp(name, "--control") == 0) control = value;
    else if (strcmp(name, "--delay") == 0) good = set_delay(&link, value);
    else if (strcmp(name, "--loss") == 0) good = set_number(&link.one_in, value);
    else if (strcmp(name, "--seed") == 0) good = set_number(&seed, value);
    else good = false;
    if (!good) misused();
    if (seed > 0) link.random ^= seed * 0x9e3779b97f4a7c15u;
  }
  if (!left || !right) misused();
  if (link.random == 0) link.random = 1; /* xorshift would stay there */

  int left_tun = open_device(left, "10.77.0.1", "fd77::1");
  int right_tun = open_device(right, "10.77.0.2", "fd77::2");
  link.ways[0] = (struct way){.name = "left", .from = left_tun, .to = right_tun};
  link.ways[1] = (struct way){.name = "right", .from = right_tun, .to = left_tun};
  for (int i = 0; i < 2; i++) link.ways[i].tail = &link.ways[i].head;
  open_loop(&link, control);
  puts("ready");
  fflush(stdout);
  run(&link);
  print_counts(&link);
  return 0;
}
