/* test_buffer.c - bytes go in behind, come out in front, and nothing else is ever seen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

static void an_empty_one_has_no_memory(void **state)
{
  lc_buffer *buffer = NULL;
  (void)state;
  assert_int_equal(lc_buffer_size(buffer), 0);
  assert_int_equal(lc_buffer_append(&buffer, NULL, 0), 0);
  assert_null(buffer);
  lc_buffer_free(&buffer);
  lc_buffer_free(&buffer); /* and may be freed twice */
}

static void gives_back_what_was_appended_in_order(void **state)
{
  lc_buffer *buffer = NULL;
  (void)state;
  assert_int_equal(lc_buffer_append(&buffer, "one ", 4), 0);
  assert_int_equal(lc_buffer_append(&buffer, "two", 3), 0);
  assert_int_equal(lc_buffer_size(buffer), 7);
  assert_memory_equal(lc_buffer_bytes(buffer), "one two", 7);
  lc_buffer_drop(buffer, 4);
  assert_int_equal(lc_buffer_size(buffer), 3);
  assert_memory_equal(lc_buffer_bytes(buffer), "two", 3);
  lc_buffer_free(&buffer);
}

static void starts_over_when_all_was_dropped(void **state)
{
  lc_buffer *buffer = NULL;
  (void)state;
  assert_int_equal(lc_buffer_append(&buffer, "abc", 3), 0);
  lc_buffer_drop(buffer, 3);
  assert_int_equal(buffer->start, 0);
  assert_int_equal(buffer->end, 0);
  assert_int_equal(lc_buffer_size(buffer), 0);
  lc_buffer_free(&buffer);
}

static void room_in_front_is_used_before_memory_is_asked_for(void **state)
{
  lc_buffer *buffer = NULL;
  char block[400];
  const char *data;
  (void)state;
  memset(block, 'x', sizeof block);
  assert_int_equal(lc_buffer_append(&buffer, block, sizeof block), 0);
  assert_int_equal(lc_buffer_append(&buffer, "tail", 4), 0);
  data = buffer->data;
  lc_buffer_drop(buffer, sizeof block);
  assert_int_equal(lc_buffer_append(&buffer, block, sizeof block), 0);
  assert_ptr_equal(buffer->data, data);
  assert_memory_equal(lc_buffer_bytes(buffer), "tailx", 5);
  lc_buffer_free(&buffer);
}

static void a_size_beyond_memory_is_refused_and_changes_nothing(void **state)
{
  lc_buffer *buffer = NULL;
  (void)state;
  assert_int_equal(lc_buffer_append(&buffer, "kept", 4), 0);
  assert_int_equal(lc_buffer_reserve(&buffer, SIZE_MAX), -ENOMEM);
  assert_int_equal(lc_buffer_reserve(&buffer, SIZE_MAX / 2), -ENOMEM);
  assert_int_equal(lc_buffer_size(buffer), 4);
  assert_memory_equal(lc_buffer_bytes(buffer), "kept", 4);
  lc_buffer_free(&buffer);
}

/* Against a counter: byte i of the stream is i * 31, whatever the sizes of the steps. */
static void agrees_with_a_counter_over_a_long_walk(void **state)
{
  lc_buffer *buffer = NULL;
  uint32_t chance = 12345;
  unsigned in = 0, out = 0;
  (void)state;
  for (int step = 0; step < 20000; step++) {
    char block[900];
    chance = chance * 1664525u + 1013904223u;
    unsigned size = (chance >> 16) % sizeof block;
    if ((chance >> 8) % 2) {
      for (unsigned i = 0; i < size; i++) block[i] = (char)((in + i) * 31);
      assert_int_equal(lc_buffer_append(&buffer, block, size), 0);
      in += size;
    } else {
      if (size > in - out) size = in - out;
      for (unsigned i = 0; i < size; i++)
        assert_int_equal(lc_buffer_bytes(buffer)[i], (char)((out + i) * 31));
      lc_buffer_drop(buffer, size);
      out += size;
    }
    assert_int_equal(lc_buffer_size(buffer), in - out);
    if (buffer) assert_true(buffer->end <= buffer->capacity);
  }
  assert_true(out > 100000);
  lc_buffer_free(&buffer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_empty_one_has_no_memory),
    cmocka_unit_test(gives_back_what_was_appended_in_order),
    cmocka_unit_test(starts_over_when_all_was_dropped),
    cmocka_unit_test(room_in_front_is_used_before_memory_is_asked_for),
    cmocka_unit_test(a_size_beyond_memory_is_refused_and_changes_nothing),
    cmocka_unit_test(agrees_with_a_counter_over_a_long_walk),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
