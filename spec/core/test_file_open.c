/* test_file_open.c - files are opened beneath their directory alone, and nothing but files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "world.h"

static faults bad;
static char top[] = "/tmp/lastcall-open-XXXXXX";
static int root;

static const char *in_top(const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", top, name);
  return path;
}

static void put(const char *name)
{
  int fd = open(in_top(name), O_WRONLY | O_CREAT, 0600);
  assert_int_equal(write(fd, "text", 4), 4);
  close(fd);
}

static void put_link(const char *name, const char *to)
{
  assert_int_equal(symlink(to, in_top(name)), 0);
}

static int build(void **state)
{
  (void)state;
  assert_non_null(mkdtemp(top));
  assert_int_equal(mkdir(in_top("root"), 0700), 0);
  assert_int_equal(mkdir(in_top("root/sub"), 0700), 0);
  put("outside");
  put("root/file");
  put("root/sub/file");
  put_link("root/inside", "sub/file");
  put_link("root/around", "sub/../file");
  put_link("root/out", "../outside");
  put_link("root/sub/out", "../..");
  put_link("root/absolute", "/etc/hostname");
  put_link("root/loop", "loop");
  put_link("root/dangling", "nothing");
  put_link("root/magic", "/proc/self/root/etc/hostname");
  assert_int_equal(mkfifo(in_top("root/fifo"), 0600), 0);
  return 0;
}

static int destroy(void **state)
{
  char command[300];
  (void)state;
  snprintf(command, sizeof command, "rm -rf %s", top);
  return system(command);
}

static int set_up(void **state)
{
  (void)state;
  faults_init(&bad);
  root = lc_directory_open(&bad.sys, in_top("root"));
  return root < 0;
}

static int tear_down(void **state)
{
  (void)state;
  lc_file_close(&bad.sys, root);
  assert_int_equal(bad.open, 0);
  assert_int_equal(bad.strange, 0);
  return 0;
}

#define OPEN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* 0, or the code. */
static int try(const char *path)
{
  lc_file_facts facts;
  int fd = lc_file_open(&bad.sys, root, path, &facts);
  if (fd < 0) return fd;
  assert_int_equal(facts.size, 4);
  assert_true(facts.is_regular && !facts.is_directory && facts.modified > 0);
  lc_file_close(&bad.sys, fd);
  return 0;
}

static void check_paths(int follows)
{
  assert_int_equal(try("file"), 0);
  assert_int_equal(try("sub/file"), 0);
  assert_int_equal(try("./sub/./file"), 0);
  assert_int_equal(try("nothing"), -ENOENT);
  assert_int_equal(try("file/"), -ENOTDIR);
  assert_int_equal(try("file/more"), -ENOTDIR);
  assert_int_equal(try("sub"), -EISDIR);
  assert_int_equal(try("."), -EISDIR);
  assert_int_equal(try("fifo"), -EACCES); /* and nobody is waited for */
  assert_int_equal(try("../outside"), -EXDEV);
  assert_int_equal(try("sub/../../outside"), -EXDEV);
  assert_int_equal(try("/etc/hostname"), -EXDEV);
  assert_int_equal(try("inside"), follows ? 0 : -ELOOP);
  assert_int_equal(try("around"), follows ? 0 : -ELOOP);
  assert_int_equal(try("out"), follows ? -EXDEV : -ELOOP);
  assert_true(try("sub/out/outside") < 0);
  assert_int_equal(try("sub/out/root/file"), follows ? -EXDEV : -ENOTDIR);
  assert_int_equal(try("absolute"), follows ? -EXDEV : -ELOOP);
  assert_true(try("magic") < 0);
  assert_int_equal(try("loop"), -ELOOP);
  assert_int_equal(try("dangling"), follows ? -ENOENT : -ELOOP);
}

static void no_path_leads_out(void **state)
{
  (void)state;
  faults_fail(&bad, FAULT_CLOSE, 1, 1, -EINTR);
  check_paths(1);
}

/* The first attempt of each path fails as it does where openat2 is unknown, or is denied by a filter. */
static int open_old(const lc_sys *sys, int directory, const char *path, unsigned how)
{
  const faults *f = (const faults *)sys->state;
  if (how & LC_OPEN_BENEATH) return f->of[FAULT_RANDOM].code;
  lc_sys real = *lc_sys_linux();
  return real.open_file(&real, directory, path, how);
}

static void no_path_leads_out_where_the_kernel_cannot_tell(void **state)
{
  static const int codes[] = {-ENOSYS, -EPERM};
  (void)state;
  for (int i = 0; i < 2; i++) {
    lc_sys plain = bad.sys;
    bad.of[FAULT_RANDOM].code = codes[i];
    bad.sys.open_file = open_old;
    bad.sys.close = lc_sys_linux()->close;
    check_paths(0);
    bad.sys = plain;
  }
}

static void a_path_of_the_programs_own_leads_anywhere(void **state)
{
  lc_file_facts facts;
  (void)state;
  int fd = lc_file_open(&bad.sys, -1, in_top("root/out"), &facts);
  assert_true(fd > 2);
  lc_file_close(&bad.sys, fd);
  assert_int_equal(lc_file_open(&bad.sys, -1, "/dev/null", &facts), -EACCES);
  assert_int_equal(lc_file_open(&bad.sys, -1, "/dev", &facts), -EISDIR);
}

static void each_call_may_fail(void **state)
{
  (void)state;
  faults_fail(&bad, FAULT_OPEN_FILE, 1, 1, -EMFILE);
  assert_int_equal(try("file"), -EMFILE);
  faults_fail(&bad, FAULT_OPEN_FILE, 1, 1, -EINTR);
  assert_int_equal(try("file"), 0);
  faults_fail(&bad, FAULT_FILE_FACTS, 1, 1, -EIO);
  assert_int_equal(try("file"), -EIO);
  faults_fail(&bad, FAULT_OPEN_FILE, 1, 1, -ENOENT);
  assert_int_equal(lc_directory_open(&bad.sys, "/"), -ENOENT);
  assert_int_equal(lc_directory_open(&bad.sys, "/etc/passwd"), -ENOTDIR);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    OPEN_TEST(no_path_leads_out),
    OPEN_TEST(no_path_leads_out_where_the_kernel_cannot_tell),
    OPEN_TEST(a_path_of_the_programs_own_leads_anywhere),
    OPEN_TEST(each_call_may_fail),
  };
  return cmocka_run_group_tests(tests, build, destroy);
}
