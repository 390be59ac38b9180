/* test_code.c - the words of the contract, and the errno names for everything else. */
#include <ctype.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lastcall.h"

#define ERRNO_LAST 200 /* beyond the last that Linux has */

static const struct {
  int code;
  const char *name;
} contract[] = {
  {LC_EOF, "eof"},
  {LC_RESET, "reset"},
  {LC_BROKEN_PIPE, "broken pipe"},
  {LC_TIMEOUT, "timeout"},
  {LC_PEER_LOST, "peer lost"},
  {LC_CLOSED, "closed"},
  {LC_DRAINING, "draining"},
  {LC_CANCELED, "canceled"},
  {LC_TOO_LONG, "too long"},
  {LC_FULL, "full"},
  {LC_HOST_NOT_FOUND, "host not found"},
  {LC_TRUNCATED, "truncated"},
  {LC_HANDSHAKE, "handshake failed"},
  {LC_NOT_TLS, "not tls"},
  {LC_UNTRUSTED, "certificate not trusted"},
  {LC_EXPIRED, "certificate expired"},
  {LC_REVOKED, "certificate revoked"},
  {LC_WRONG_NAME, "wrong name"},
  {-ECONNREFUSED, "refused"},
  {-EHOSTUNREACH, "unreachable"},
  {-ENETUNREACH, "unreachable"},
  {-EADDRINUSE, "address in use"},
  {-EADDRNOTAVAIL, "address not available"},
  {-EACCES, "permission denied"},
  {-EPERM, "permission denied"},
};
#define CONTRACT_SIZE (sizeof contract / sizeof *contract)

static int is_in_contract(int code)
{
  for (size_t i = 0; i < CONTRACT_SIZE; i++) {
    if (contract[i].code == code) return 1;
  }
  return 0;
}

static void the_words_are_those_of_the_contract(void **state)
{
  (void)state;
  for (size_t i = 0; i < CONTRACT_SIZE; i++) {
    assert_string_equal(lc_code_name(contract[i].code), contract[i].name);
  }
}

/* What libc calls it, where it says. */
static const char *libc_name(int error)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
  return strerrorname_np(error);
#else
  (void)error;
  return NULL;
#endif
}

static const struct {
  int error;
  const char *name, *word;
} few[] = {{EMFILE, "EMFILE", "emfile"},
           {ENOENT, "ENOENT", "enoent"},
           {EHWPOISON, "EHWPOISON", "ehwpoison"}};

static void every_other_errno_goes_by_its_name(void **state)
{
  int named = 0;

  (void)state;
  for (int error = 1; error < ERRNO_LAST; error++) {
    const char *libc = libc_name(error);
    const char *ours = lc_code_name(-error);

    if (is_in_contract(-error)) continue;
    if (libc == NULL || !strcmp(ours, "unknown error"))
      continue; /* one may be newer than the other */
    named++;
    assert_int_equal(strlen(ours), strlen(libc));
    for (size_t i = 0; libc[i] != 0; i++) assert_int_equal(ours[i], tolower(libc[i]));
  }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
  assert_true(named > 100);
#endif
  for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
    assert_string_equal(lc_code_name(-few[i].error), few[i].word);
    assert_string_equal(lc_code_errno(-few[i].error), few[i].name);
  }
  assert_string_equal(lc_code_errno(-EPIPE), "EPIPE"); /* of the contract, and the kernel's */
  assert_null(lc_code_errno(LC_DRAINING));             /* ours */
  assert_null(lc_code_errno(-ERRNO_LAST));
  assert_null(lc_code_errno(0));
}

static void every_code_has_a_text(void **state)
{
  (void)state;
  for (int error = 1; error < ERRNO_LAST; error++) {
    const char *text = lc_code_text(-error);

    assert_non_null(text);
    assert_true(text[0] != 0);
    assert_ptr_equal(text, lc_code_text(-error)); /* static storage */
    assert_ptr_equal(lc_code_name(-error), lc_code_name(-error));
  }
  assert_string_equal(lc_code_text(-EMFILE), "Too many open files");
  assert_string_not_equal(lc_code_text(LC_EOF), strerror(ENODATA)); /* not what we mean by it */
}

static void odd_numbers_do_no_harm(void **state)
{
  static const int odd[] = {INT_MIN, INT_MIN + 1, -4096, -ERRNO_LAST};

  (void)state;
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    assert_string_equal(lc_code_name(odd[i]), "unknown error");
    assert_string_equal(lc_code_text(odd[i]), "unknown error");
  }
  assert_string_equal(lc_code_name(0), "ok");
  assert_string_equal(lc_code_name(17), "ok"); /* a positive result is a success */
  assert_string_equal(lc_code_text(INT_MAX), "no error");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_words_are_those_of_the_contract),
    cmocka_unit_test(every_other_errno_goes_by_its_name),
    cmocka_unit_test(every_code_has_a_text),
    cmocka_unit_test(odd_numbers_do_no_harm),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
