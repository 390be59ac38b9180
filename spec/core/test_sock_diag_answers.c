/* test_sock_diag_answers.c - reads whatever a kernel might answer: pieces, leftovers, errors,
 * nonsense.
 *
 * The kernel is invented: each recv gives the next of the answers that the test
 * has written down. */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/sock_diag.h"

typedef struct script {
  lc_sys sys;
  char bytes[8][512];
  size_t sizes[8];
  int count;      /* answers written down */
  int next;       /* the one to be given */
  int waits;      /* none is given before the question */
  int is_endless; /* the first answer comes again and again */
  int receives;
  int send_error;
  uint32_t sequence; /* of the question */
} script;

static lc_time script_now(const lc_sys *s)
{
  (void)s;
  return 0x123456789abcdef0;
}

static int script_socket(const lc_sys *s, int family, int type, int protocol)
{
  (void)s;
  assert_int_equal(family, AF_NETLINK);
  assert_int_equal(protocol, NETLINK_SOCK_DIAG);
  (void)type;
  return 77;
}

static ssize_t script_sendmsg(const lc_sys *s, int fd, const struct msghdr *message, int flags)
{
  script *told = s->state;
  struct nlmsghdr header;

  (void)fd, (void)flags;
  if (told->send_error < 0) return told->send_error;
  memcpy(&header, message->msg_iov[0].iov_base, sizeof header);
  assert_int_equal(header.nlmsg_len, message->msg_iov[0].iov_len);
  told->sequence = header.nlmsg_seq;
  told->waits = 0;
  return (ssize_t)header.nlmsg_len;
}

static ssize_t script_recv(const lc_sys *s, int fd, void *buffer, size_t size, int flags)
{
  script *told = s->state;
  int i = told->next;
  size_t kept;

  (void)fd;
  assert_true((flags & MSG_TRUNC) != 0);
  told->receives++;
  if (told->waits || i == told->count) return -EAGAIN;
  kept = told->sizes[i] < sizeof told->bytes[i] ? told->sizes[i] : sizeof told->bytes[i];
  assert_true(kept <= size);
  memcpy(buffer, told->bytes[i], kept);
  if (!told->is_endless) told->next++;
  return (ssize_t)told->sizes[i];
}

#define ASKED_PORT 4242
#define SEQUENCE 0x9abcdef0u /* the low half of the invented clock */

static void script_init(script *told)
{
  memset(told, 0, sizeof *told);
  told->sys.state = told;
  told->sys.now = script_now;
  told->sys.socket = script_socket;
  told->sys.sendmsg = script_sendmsg;
  told->sys.recv = script_recv;
  told->waits = 1;
}

/* Adds a message to the answer being written; `payload` bytes of zero but for `value` in front. */
static void add(script *told, uint16_t type, uint32_t sequence, int value, size_t payload)
{
  struct nlmsghdr header;
  char *at = told->bytes[told->count] + told->sizes[told->count];

  memset(&header, 0, sizeof header);
  header.nlmsg_len = (uint32_t)NLMSG_LENGTH(payload);
  header.nlmsg_type = type;
  header.nlmsg_seq = sequence;
  memcpy(at, &header, sizeof header);
  if (payload >= sizeof value) memcpy(at + NLMSG_HDRLEN, &value, sizeof value);
  told->sizes[told->count] += NLMSG_SPACE(payload);
}

/* A half-open connection whose next SYN-ACK is due in `due` ms, after `repeated` ones. */
static void add_request(script *told, uint16_t port, unsigned repeated, unsigned due)
{
  struct inet_diag_msg found;
  char *at = told->bytes[told->count] + told->sizes[told->count] + NLMSG_HDRLEN;

  memset(&found, 0, sizeof found);
  found.idiag_family = AF_INET;
  found.id.idiag_sport = htons(port);
  found.idiag_retrans = (uint8_t)repeated;
  found.idiag_expires = due;
  add(told, SOCK_DIAG_BY_FAMILY, SEQUENCE, 0, sizeof found);
  memcpy(at, &found, sizeof found);
}

static void add_socket(script *told, uint16_t port) { add_request(told, port, 0, 1000); }

static void end_answer(script *told) { told->count++; }

static int count_scripted(script *told)
{
  return lc_sock_diag_half_open(&told->sys, 77, AF_INET, ASKED_PORT);
}

static void answers_in_pieces_are_added_up(void **state)
{
  script told;

  (void)state;
  script_init(&told);
  add_socket(&told, ASKED_PORT);
  add_socket(&told, ASKED_PORT);
  end_answer(&told);
  add_socket(&told, ASKED_PORT);
  add_socket(&told, ASKED_PORT + 1); /* a kernel that did not filter */
  add(&told, NLMSG_DONE, SEQUENCE, 0, sizeof(int));
  end_answer(&told);
  assert_int_equal(count_scripted(&told), 3);
  assert_int_equal(told.sequence, SEQUENCE);
}

static void those_younger_than_asked_are_left_out(void **state)
{
  script told;
  lc_half_open asked = {.family = AF_INET, .port = ASKED_PORT, .age = 500 * LC_MILLISECOND};

  (void)state;
  script_init(&told);
  add_request(&told, ASKED_PORT, 0, 1000); /* has just begun */
  add_request(&told, ASKED_PORT, 0, 750);  /* 250 ms */
  add_request(&told, ASKED_PORT, 0, 400);  /* 600 ms */
  add_request(&told, ASKED_PORT, 1, 2000); /* 1 s */
  end_answer(&told);
  add_request(&told, ASKED_PORT, 0, 5000); /* by no timer we know: it is counted */
  add_request(&told, ASKED_PORT, 9, 0);
  add(&told, NLMSG_DONE, SEQUENCE, 0, sizeof(int));
  end_answer(&told);
  assert_int_equal(lc_sock_diag_count(&told.sys, 77, &asked, 1), 0);
  assert_int_equal(asked.count, 4);
}

/* A timer that has fired was late, and each one after it counts from there. */
static void one_may_be_older_than_its_late_timers_say(void **state)
{
  script told;
  lc_half_open asked = {.family = AF_INET, .port = ASKED_PORT, .age = 3500 * LC_MILLISECOND};

  (void)state;
  script_init(&told);
  add_request(&told, ASKED_PORT, 1, 1);    /* 3 s, of which 1 s by a timer that was late */
  add_request(&told, ASKED_PORT, 2, 3990); /* 3 s by two such timers, and 10 ms */
  add(&told, NLMSG_DONE, SEQUENCE, 0, sizeof(int));
  end_answer(&told);
  assert_int_equal(lc_sock_diag_count(&told.sys, 77, &asked, 1), 0);
  assert_int_equal(asked.count, 1);
}

static void leftovers_of_another_question_are_skipped(void **state)
{
  script told;

  (void)state;
  script_init(&told);
  add(&told, NLMSG_DONE, SEQUENCE - 1, 0, sizeof(int));
  add_socket(&told, ASKED_PORT);
  add(&told, NLMSG_ERROR, SEQUENCE - 1, -EBUSY, sizeof(struct nlmsgerr));
  add(&told, NLMSG_DONE, SEQUENCE, 0, sizeof(int));
  end_answer(&told);
  assert_int_equal(count_scripted(&told), 1);
}

static void what_lies_there_already_is_thrown_away(void **state)
{
  script told;

  (void)state;
  script_init(&told);
  told.waits = 0; /* to be had before the question is asked, and much like an answer to it */
  add_socket(&told, ASKED_PORT);
  add(&told, NLMSG_DONE, SEQUENCE, 0, sizeof(int));
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EAGAIN); /* and then there is no answer */
}

static void errors_of_the_kernel_are_handed_on(void **state)
{
  script told;

  (void)state;
  script_init(&told);
  add(&told, NLMSG_ERROR, SEQUENCE, -ENOENT, sizeof(struct nlmsgerr));
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -ENOENT);

  script_init(&told);
  add_socket(&told, ASKED_PORT);
  add(&told, NLMSG_DONE, SEQUENCE, -ENOMEM, sizeof(int));
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -ENOMEM);

  script_init(&told);
  add(&told, NLMSG_ERROR, SEQUENCE, 0, sizeof(struct nlmsgerr));
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EPROTO);

  script_init(&told);
  told.send_error = -ENOBUFS;
  assert_int_equal(count_scripted(&told), -ENOBUFS);
}

static void a_dump_that_stops_is_an_error(void **state)
{
  script told;

  (void)state;
  script_init(&told);
  add_socket(&told, ASKED_PORT);
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EAGAIN);
}

static void broken_answers_are_errors(void **state)
{
  script told;
  uint32_t length;

  (void)state;
  script_init(&told); /* cut within the header */
  add_socket(&told, ASKED_PORT);
  told.sizes[0] = 10;
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EPROTO);

  script_init(&told); /* cut within the message */
  add_socket(&told, ASKED_PORT);
  told.sizes[0] -= 8;
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EPROTO);

  script_init(&told); /* too short to be what it says it is */
  add(&told, SOCK_DIAG_BY_FAMILY, SEQUENCE, 0, 4);
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EPROTO);

  script_init(&told); /* longer than there was room for */
  add_socket(&told, ASKED_PORT);
  told.sizes[0] = 1 << 20;
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EPROTO);

  script_init(&told); /* a length of zero would never end */
  add_socket(&told, ASKED_PORT);
  length = 0;
  memcpy(told.bytes[0], &length, sizeof length);
  end_answer(&told);
  assert_int_equal(count_scripted(&told), -EPROTO);
}

static void an_endless_dump_is_bounded(void **state)
{
  script told;

  (void)state;
  script_init(&told);
  told.is_endless = 1;
  add_socket(&told, ASKED_PORT);
  end_answer(&told);
  assert_true(count_scripted(&told) > 0); /* so many at least */
  assert_true(told.receives < 10000);

  script_init(&told); /* endless before the question, and of another one */
  told.is_endless = 1;
  told.waits = 0;
  add(&told, SOCK_DIAG_BY_FAMILY, SEQUENCE - 1, 0, sizeof(struct inet_diag_msg));
  end_answer(&told);
  count_scripted(&told);
  assert_true(told.receives < 10000);
}

static void opening_asks_nothing(void **state)
{
  script told;

  (void)state;
  script_init(&told); /* each question costs the kernel a walk through all connections */
  assert_int_equal(lc_sock_diag_open(&told.sys), 77);
  assert_int_equal(told.receives, 0);
  assert_true(told.waits);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(answers_in_pieces_are_added_up),
    cmocka_unit_test(those_younger_than_asked_are_left_out),
    cmocka_unit_test(one_may_be_older_than_its_late_timers_say),
    cmocka_unit_test(leftovers_of_another_question_are_skipped),
    cmocka_unit_test(what_lies_there_already_is_thrown_away),
    cmocka_unit_test(errors_of_the_kernel_are_handed_on),
    cmocka_unit_test(a_dump_that_stops_is_an_error),
    cmocka_unit_test(broken_answers_are_errors),
    cmocka_unit_test(an_endless_dump_is_bounded),
    cmocka_unit_test(opening_asks_nothing),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
