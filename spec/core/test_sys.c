/* test_sys.c - the real kernel, seen through the seam: flags, waits, wake-ups, files, names. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sys.h"

#define TIME_LIMIT 60 /* seconds for the whole file, then SIGALRM ends it */

static const lc_sys *sys;

static int is_cloexec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }
static int is_nonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

static int is_readable(int fd, int milliseconds)
{
  struct pollfd one = {fd, POLLIN, 0};

  return poll(&one, 1, milliseconds) == 1;
}

static void close_all(const int *fds, int count)
{
  for (int i = 0; i < count; i++) assert_int_equal(sys->close(sys, fds[i]), 0);
}

/* ---------------------------------------------------------------- sockets -- */

/* A listener on loopback and where it listens. */
static int listen_somewhere(struct sockaddr_in *address)
{
  socklen_t length = sizeof *address;
  int fd = sys->socket(sys, AF_INET, SOCK_STREAM, 0);

  assert_true(fd >= 0);
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(sys->bind(sys, fd, (struct sockaddr *)address, sizeof *address), 0);
  assert_int_equal(sys->listen(sys, fd, 16), 0);
  assert_int_equal(sys->getsockname(sys, fd, (struct sockaddr *)address, &length), 0);
  return fd;
}

/* fds: listener, client, server's end. */
static void connect_pair(int fds[3])
{
  struct sockaddr_in address;
  int error;

  fds[0] = listen_somewhere(&address);
  fds[1] = sys->socket(sys, AF_INET, SOCK_STREAM, 0);
  assert_true(fds[1] >= 0);
  error = sys->connect(sys, fds[1], (struct sockaddr *)&address, sizeof address);
  assert_true(error == 0 || error == -EINPROGRESS);
  assert_true(is_readable(fds[0], 5000));
  fds[2] = sys->accept(sys, fds[0], NULL, NULL);
  assert_true(fds[2] >= 0);
}

static ssize_t send_text(int fd, const char *text, size_t length)
{
  struct iovec piece = {(void *)(uintptr_t)text, length};
  struct msghdr message;

  memset(&message, 0, sizeof message);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return sys->sendmsg(sys, fd, &message, 0);
}

static void every_descriptor_is_nonblocking_and_closed_on_exec(void **state)
{
  int fds[5], epoll;

  (void)state;
  connect_pair(fds);
  fds[3] = sys->wake_create(sys);
  fds[4] = sys->socket(sys, AF_UNIX, SOCK_STREAM, 0);
  for (int i = 0; i < 5; i++) {
    assert_true(fds[i] >= 0);
    assert_true(is_nonblocking(fds[i]));
    assert_true(is_cloexec(fds[i]));
  }
  epoll = sys->poller_create(sys);
  assert_true(is_cloexec(epoll));
  close_all(fds, 5);
  close_all(&epoll, 1);
}

static void inherited_descriptors_are_made_so(void **state)
{
  int fds[2];

  (void)state;
  assert_int_equal(pipe(fds), 0);
  assert_false(is_nonblocking(fds[0]) || is_cloexec(fds[0]));
  assert_int_equal(sys->set_nonblocking(sys, fds[0]), 0);
  assert_true(is_nonblocking(fds[0]) && is_cloexec(fds[0]));
  close_all(fds, 2);
  assert_int_equal(sys->set_nonblocking(sys, fds[0]), -EBADF);
}

static void failures_are_negative_errnos(void **state)
{
  struct sockaddr_in address;
  char byte;
  int fd;

  (void)state;
  fd = listen_somewhere(&address);
  assert_int_equal(sys->accept(sys, fd, NULL, NULL), -EAGAIN);
  assert_int_equal(sys->recv(sys, fd, &byte, 1, 0), -ENOTCONN);
  assert_int_equal(sys->bind(sys, fd, (struct sockaddr *)&address, sizeof address), -EINVAL);
  close_all(&fd, 1);
  assert_int_equal(sys->close(sys, -1), -EBADF);
  assert_int_equal(sys->unread(sys, -1), -EBADF);
  assert_int_equal(sys->unacked(sys, -1), -EBADF);
  assert_int_equal(sys->shutdown(sys, -1, SHUT_WR), -EBADF);
  assert_int_equal(sys->socket(sys, -1, SOCK_STREAM, 0), -EAFNOSUPPORT);
}

static void queues_are_measured(void **state)
{
  int fds[3];
  char buffer[8];

  (void)state;
  connect_pair(fds);
  assert_int_equal(sys->unread(sys, fds[2]), 0);
  assert_int_equal(send_text(fds[1], "hello", 5), 5);
  assert_true(is_readable(fds[2], 5000));
  assert_int_equal(sys->unread(sys, fds[2]), 5);
  for (int i = 0; i < 1000 && sys->unacked(sys, fds[1]) > 0; i++) usleep(1000);
  assert_int_equal(sys->unacked(sys, fds[1]), 0);
  assert_int_equal(sys->recv(sys, fds[2], buffer, sizeof buffer, 0), 5);
  assert_memory_equal(buffer, "hello", 5);
  close_all(fds, 3);
}

static void unacknowledged_bytes_are_measured(void **state)
{
  static char zeros[65536];
  int fds[3];
  ssize_t sent, all = 0;

  (void)state;
  connect_pair(fds); /* nobody reads: in the end the window is full */
  while ((sent = send_text(fds[1], zeros, sizeof zeros)) > 0) all += sent;
  assert_int_equal(sent, -EAGAIN);
  assert_true(sys->unacked(sys, fds[1]) > 0);
  assert_true(sys->unacked(sys, fds[1]) <= all);
  close_all(fds, 3);
}

static void a_peer_that_left_raises_no_signal(void **state)
{
  int fds[3];

  (void)state;
  connect_pair(fds);
  assert_int_equal(sys->shutdown(sys, fds[1], SHUT_WR), 0);
  assert_int_equal(send_text(fds[1], "x", 1), -EPIPE); /* SIGPIPE would have ended the process */
  close_all(fds, 3);
}

/* ---------------------------------------------------------------- waiting -- */

static void waits_never_end_early(void **state)
{
  static const lc_time waits[] = {1,       1000,    999999,  1000000,
                                  1000001, 1500001, 2999999, 10 * LC_MILLISECOND + 1};
  int epoll = sys->poller_create(sys);
  lc_poll_event event;

  (void)state;
  for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
    for (int round = 0; round < 10; round++) {
      lc_time began = sys->now(sys), took;

      assert_int_equal(sys->poller_wait(sys, epoll, &event, 1, waits[i]), 0);
      took = sys->now(sys) - began;
      assert_true(took >= waits[i]);
      assert_true(took < waits[i] + 5 * LC_SECOND);
    }
  }
  assert_int_equal(sys->poller_wait(sys, epoll, &event, 1, 0), 0);
  close_all(&epoll, 1);
}

static void *wake_later(void *argument)
{
  usleep(20000);
  assert_int_equal(sys->wake(sys, *(int *)argument), 0);
  return NULL;
}

static void waits_for_ever_end_when_woken(void **state)
{
  static const lc_time for_ever[] = {-1, LC_NEVER, 100000 * LC_SECOND};
  int fds[2] = {sys->poller_create(sys), sys->wake_create(sys)};
  lc_poll_event event;

  (void)state;
  assert_int_equal(
    sys->poller_control(sys, fds[0], LC_POLLER_ADD, fds[1], LC_POLL_IN, 0x123456789abcdef0), 0);
  for (size_t i = 0; i < sizeof for_ever / sizeof *for_ever; i++) {
    pthread_t thread;

    memset(&event, 0, sizeof event);
    assert_int_equal(pthread_create(&thread, NULL, wake_later, &fds[1]), 0);
    assert_int_equal(sys->poller_wait(sys, fds[0], &event, 1, for_ever[i]), 1);
    assert_true(event.tag == 0x123456789abcdef0);
    pthread_join(thread, NULL);
    assert_int_equal(sys->wake_clear(sys, fds[1]), 0);
    assert_int_equal(sys->poller_wait(sys, fds[0], &event, 1, 0), 0);
  }
  close_all(fds, 2);
}

static void waking_twice_is_waking_once(void **state)
{
  uint64_t nearly = UINT64_MAX - 1;
  int fd = sys->wake_create(sys);

  (void)state;
  assert_int_equal(sys->wake_clear(sys, fd), 0); /* nothing to clear */
  assert_int_equal(sys->wake(sys, fd), 0);
  assert_int_equal(sys->wake(sys, fd), 0);
  assert_int_equal(sys->wake_clear(sys, fd), 0);
  assert_false(is_readable(fd, 0));
  assert_int_equal(write(fd, &nearly, sizeof nearly), sizeof nearly);
  assert_int_equal(sys->wake(sys, fd), 0); /* the counter is full: awake already */
  close_all(&fd, 1);
  assert_int_equal(sys->wake(sys, -1), -EBADF);
}

/* ------------------------------------------------------ files, descriptors -- */

/* Counted by hand, without the one that looks. */
static int count_descriptors(void)
{
  DIR *directory = opendir("/proc/self/fd");
  const struct dirent *entry;
  int count = 0;

  assert_non_null(directory);
  while ((entry = readdir(directory)) != NULL) {
    count += entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory);
  }
  closedir(directory);
  return count;
}

static void open_descriptors_are_counted(void **state)
{
  int before = sys->descriptors_open(sys);
  int fds[3];

  (void)state;
  assert_int_equal(before, count_descriptors());
  assert_int_equal(sys->descriptors_open(sys), before);
  for (int i = 0; i < 3; i++) {
    fds[i] = sys->wake_create(sys);
    assert_int_equal(sys->descriptors_open(sys), before + i + 1);
  }
  close_all(fds, 3);
  assert_int_equal(sys->descriptors_open(sys), before);
}

static void open_descriptors_are_counted_when_none_is_left(void **state)
{
  struct rlimit before, tight;
  int spare = sys->wake_create(sys);
  int other = sys->poller_create(sys);
  int limit, count, fewer;

  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  tight = before;
  tight.rlim_cur = (rlim_t)other + 1; /* all below are taken */
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
  limit = sys->descriptor_limit(sys);
  count = sys->wake_create(sys) == -EMFILE ? sys->descriptors_open(sys) : -1;
  tight.rlim_cur = (rlim_t)spare;
  setrlimit(RLIMIT_NOFILE, &tight);
  fewer = sys->descriptors_open(sys);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

  assert_int_equal(limit, other + 1);
  assert_int_equal(count, other + 1);
  assert_int_equal(fewer, spare);
  close_all(&spare, 1);
  close_all(&other, 1);
}

static void files_are_identified(void **state)
{
  char path[] = "/tmp/lastcall-test-XXXXXX";
  lc_file_identity identity, link;
  char name[64];
  struct stat status;
  int fd = mkstemp(path);

  (void)state;
  assert_true(fd >= 0);
  assert_int_equal(fstat(fd, &status), 0);
  assert_int_equal(sys->file_identity(sys, path, &identity), 0);
  assert_true(identity.device == status.st_dev && identity.inode == status.st_ino);
  assert_false(identity.is_socket);
  assert_int_equal(sys->chmod(sys, path, 0640), 0);
  assert_int_equal(fstat(fd, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0640);

  strcpy(name, path);
  strcat(name, "-link");
  assert_int_equal(symlink(path, name), 0);
  assert_int_equal(sys->file_identity(sys, name, &link), 0);
  assert_true(link.inode != identity.inode); /* the link itself, not what it points to */
  assert_int_equal(sys->unlink(sys, name), 0);
  assert_int_equal(sys->unlink(sys, path), 0);
  assert_int_equal(sys->unlink(sys, path), -ENOENT);
  assert_int_equal(sys->file_identity(sys, path, &identity), -ENOENT);
  close_all(&fd, 1);
}

static void socket_files_are_recognized(void **state)
{
  char directory[] = "/tmp/lastcall-test-XXXXXX";
  struct sockaddr_un address = {AF_UNIX, ""};
  lc_file_identity identity;
  int fd = sys->socket(sys, AF_UNIX, SOCK_STREAM, 0);

  (void)state;
  assert_non_null(mkdtemp(directory));
  strcpy(address.sun_path, directory);
  strcat(address.sun_path, "/s");
  assert_int_equal(sys->bind(sys, fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(sys->file_identity(sys, address.sun_path, &identity), 0);
  assert_true(identity.is_socket);
  assert_int_equal(sys->unlink(sys, address.sun_path), 0);
  assert_int_equal(rmdir(directory), 0);
  close_all(&fd, 1);
}

static void random_bytes_fill_the_buffer(void **state)
{
  unsigned char first[1024], second[1024];
  int differ = 0, zero_tail = 1;

  (void)state;
  memset(first, 0, sizeof first);
  memset(second, 0, sizeof second);
  assert_int_equal(sys->random(sys, first, sizeof first), 0);
  assert_int_equal(sys->random(sys, second, sizeof second), 0);
  for (size_t i = 0; i < sizeof first; i++) differ += first[i] != second[i];
  for (size_t i = sizeof first - 16; i < sizeof first; i++) zero_tail &= first[i] == 0;
  assert_true(differ > 900);
  assert_false(zero_tail);
}

static void the_clock_goes_forward(void **state)
{
  lc_time before = sys->now(sys);

  (void)state;
  assert_true(before > 0);
  for (int i = 0; i < 1000; i++) {
    lc_time now = sys->now(sys);

    assert_true(now >= before);
    before = now;
  }
}

/* ------------------------------------------------------------------ names -- */

static int is_loopback(const lc_address *address)
{
  if (address->of.any.sa_family == AF_INET) {
    return address->of.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) &&
           address->of.in.sin_port == htons(8080) && address->length == sizeof address->of.in;
  }
  return IN6_IS_ADDR_LOOPBACK(&address->of.in6.sin6_addr) &&
         address->of.in6.sin6_port == htons(8080) && address->length == sizeof address->of.in6;
}

static void ticks_grow_by_more_than_nanoseconds_or_are_not_there(void **state)
{
  uint64_t before = sys->ticks(sys);
  (void)state;
  usleep(2000);
  assert_true(!before || sys->ticks(sys) - before > 1000000);
}

static void the_time_of_day_counts_from_1970(void **state)
{
  time_t early = time(NULL);
  lc_time day = sys->time_of_day(sys);
  time_t late = time(NULL);

  (void)state;
  assert_true(day >= (lc_time)(early - 1) * LC_SECOND); /* time() reads a coarser clock */
  assert_true(day < (lc_time)(late + 1) * LC_SECOND);
  assert_true(day != sys->now(sys));
}

static void localhost_resolves_without_a_network(void **state)
{
  lc_address found[LC_ADDRESSES_MAX];
  int count = sys->resolve(sys, "localhost", 8080, found, LC_ADDRESSES_MAX);

  (void)state;
  assert_true(count >= 1 && count <= LC_ADDRESSES_MAX);
  for (int i = 0; i < count; i++) assert_true(is_loopback(&found[i]));
  /* No more than there is room for. */
  assert_int_equal(sys->resolve(sys, "localhost", 8080, found, 1), 1);
}

static void a_name_is_not_unknown_for_lack_of_descriptors(void **state)
{
  struct rlimit before, tight;
  lc_address found[1];
  int spare = sys->wake_create(sys), result;

  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  tight = before;
  tight.rlim_cur = (rlim_t)spare; /* all below are taken */
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
  result = sys->resolve(sys, "no-such-host.invalid", 80, found, 1);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(result, -EMFILE);
  assert_true(sys->resolve(sys, "no-such-host.invalid", 80, found, 1) < 0);
  assert_int_equal(sys->close(sys, spare), 0);
}

static void numbers_and_zones_resolve(void **state)
{
  lc_address found[2];

  (void)state;
  assert_int_equal(sys->resolve(sys, "127.0.0.1", 8080, found, 2), 1);
  assert_true(is_loopback(&found[0]));
  assert_int_equal(sys->resolve(sys, "fe80::1%lo", 8080, found, 2), 1);
  assert_int_equal(found[0].of.in6.sin6_scope_id, 1); /* lo is the first in every namespace */
  assert_int_equal(sys->resolve(sys, "", 8080, found, 2), LC_HOST_NOT_FOUND);
  assert_int_equal(sys->resolve(sys, "fe80::1%no-such", 8080, found, 2), LC_HOST_NOT_FOUND);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_descriptor_is_nonblocking_and_closed_on_exec),
    cmocka_unit_test(inherited_descriptors_are_made_so),
    cmocka_unit_test(failures_are_negative_errnos),
    cmocka_unit_test(queues_are_measured),
    cmocka_unit_test(unacknowledged_bytes_are_measured),
    cmocka_unit_test(a_peer_that_left_raises_no_signal),
    cmocka_unit_test(waits_never_end_early),
    cmocka_unit_test(waits_for_ever_end_when_woken),
    cmocka_unit_test(waking_twice_is_waking_once),
    cmocka_unit_test(open_descriptors_are_counted),
    cmocka_unit_test(open_descriptors_are_counted_when_none_is_left),
    cmocka_unit_test(files_are_identified),
    cmocka_unit_test(socket_files_are_recognized),
    cmocka_unit_test(random_bytes_fill_the_buffer),
    cmocka_unit_test(the_clock_goes_forward),
    cmocka_unit_test(ticks_grow_by_more_than_nanoseconds_or_are_not_there),
    cmocka_unit_test(the_time_of_day_counts_from_1970),
    cmocka_unit_test(localhost_resolves_without_a_network),
    cmocka_unit_test(a_name_is_not_unknown_for_lack_of_descriptors),
    cmocka_unit_test(numbers_and_zones_resolve),
  };

  alarm(TIME_LIMIT);
  sys = lc_sys_linux();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
