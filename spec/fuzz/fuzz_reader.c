/* fuzz_reader.c - reads of every kind on streams that arrive in pieces of any size.
 *
 * Two connections of one loop, which take the shared buffer from each other.
 * Beside each a model: the bytes that have arrived and were not consumed, in one
 * row. What a read gives must follow from these alone, however they were cut,
 * and whatever befell a receive.
 */
#include <string.h>

#include "conn/conn.h"
#include "fuzz.h"
#include "wire.h"

enum { STEPS_MAX = 64, CONNS = WIRE_SOCKETS, ROW = 2 * WIRE_QUEUE };

typedef struct model {
  lc_conn *conn;
  uint8_t row[ROW]; /* arrived and not consumed, from `from` to `to` */
  size_t from, to;
  size_t last;  /* how much the last read consumed: it lies before `from` still */
  int is_ended; /* nothing more will come */
  int failed;   /* the code that every read gives */
  size_t max_read;
  const char *sought; /* what a read that got nothing was looking for */
} model;

static wire w;
static model models[CONNS];
static lc_loop *loop;

static size_t held(const model *m) { return m->to - m->from; }

static void on_ready(lc_conn *conn, unsigned what, void *user)
{
  (void)conn, (void)what, (void)user;
}

static const lc_events EVENTS = {.ready = on_ready};

/* ------------------------------------------------------- what must come of it -- */

/* What is buffered is the beginning of what is there. */
static void check_buffered(const model *m)
{
  lc_slice rest;
  lc_conn_buffered(m->conn, &rest);
  MUST(rest.length <= held(m));
  MUST(!memcmp(rest.data, m->row + m->from, rest.length));
}

static void consume(model *m, const lc_slice *slice, size_t size)
{
  MUST(slice->length == size);
  MUST(!size || !memcmp(slice->data, m->row + m->from, size));
  m->from += size;
  m->last = size;
}

/* A receive that went wrong may show in any read that had to receive. */
static int is_trouble(model *m, int result, int trouble)
{
  if (!trouble || result != trouble) return 0;
  if (trouble == -EIO) m->failed = trouble;
  return 1;
}

/* `expected`: 0 with `size` bytes, or a code. */
static void judge(model *m, int result, int trouble, int expected, size_t size,
                  const lc_slice *slice)
{
  if (m->failed) {
    MUST(result == m->failed);
  } else if (!is_trouble(m, result, trouble)) {
    MUST(result == expected);
    if (!result && slice) consume(m, slice, size);
  }
  check_buffered(m);
}

static int nothing_more(const model *m) { return m->is_ended ? LC_EOF : LC_AGAIN; }

/* ------------------------------------------------------------------ the reads -- */

static void try_some(model *m, size_t max, int trouble)
{
  lc_slice slice = {"", 0};
  int result = lc_conn_read_some(m->conn, max, &slice);
  size_t most = held(m) < max ? held(m) : max, size = slice.length;
  if (!result) MUST(size <= most && (size || !max)); /* as much of it as is at hand */
  judge(m, result, trouble, held(m) ? 0 : nothing_more(m), size, &slice);
}

static void try_exact(model *m, size_t size, int trouble)
{
  lc_slice slice = {"", 0};
  int result = lc_conn_read_exact(m->conn, size, &slice);
  int expected = size > m->max_read ? LC_TOO_LONG : held(m) >= size ? 0 : nothing_more(m);
  judge(m, result, trouble, expected, size, &slice);
}

/* Where the first delimiter ends, from 1; 0: there is none. */
static size_t find(const model *m, const char *delimiter, size_t length)
{
  const uint8_t *begin = m->row + m->from;
  const uint8_t *found = length ? memmem(begin, held(m), delimiter, length) : NULL;
  return found ? (size_t)(found - begin) + length : 0;
}

static void try_until(model *m, const char *delimiter, size_t length, size_t max, int trouble)
{
  lc_slice slice = {"", 0};
  if (m->sought != delimiter) lc_conn_end_read(m->conn); /* that read was given up */
  int result = lc_conn_read_until(m->conn, delimiter, length, max, &slice);
  size_t end = find(m, delimiter, length);
  int expected = nothing_more(m);
  if (end ? end > max : held(m) >= max) expected = LC_TOO_LONG;
  else if (end) expected = 0;
  judge(m, result, trouble, expected, end, &slice);
  m->sought = result == LC_AGAIN ? delimiter : NULL;
}

static void try_all(model *m, size_t max, int trouble)
{
  lc_slice slice = {"", 0};
  int result = lc_conn_read_all(m->conn, max, &slice);
  int expected = held(m) > max ? LC_TOO_LONG : m->is_ended ? 0 : LC_AGAIN;
  judge(m, result, trouble, expected, held(m), &slice);
}

static void try_await(model *m, int trouble)
{
  int result = lc_conn_await(m->conn);
  judge(m, result, trouble, held(m) ? 0 : nothing_more(m), 0, NULL);
}

static void try_take(model *m, size_t size)
{
  lc_slice rest;
  lc_conn_buffered(m->conn, &rest);
  if (size > rest.length) size = rest.length;
  rest.length = size;
  if (size) consume(m, &rest, size);
  lc_conn_take(m->conn, size);
  check_buffered(m);
}

/* A part of what the last read got; of a copy, for it lies in the library's own memory
 * otherwise. */
static void try_give_back(model *m, size_t size)
{
  if (size > m->last) size = m->last;
  MUST(lc_conn_give_back(m->conn, (const char *)m->row + m->from - size, size) == 0);
  m->from -= size;
  m->last -= size;
  check_buffered(m);
}

static void try_past_deadline(model *m)
{
  lc_conn_set_deadline(m->conn, w.now);
  int result = lc_conn_await(m->conn);
  MUST(result == (m->failed ? m->failed : LC_TIMEOUT));
  lc_conn_set_deadline(m->conn, LC_NEVER);
  check_buffered(m);
}

static void limit(model *m, size_t max_read)
{
  lc_settings settings = *lc_conn_settings(m->conn);
  settings.max_read = m->max_read = max_read;
  MUST(lc_conn_set_settings(m->conn, &settings) == 0);
}

/* ------------------------------------------------------------------- arrivals -- */

static void arrive(int which, const uint8_t *data, size_t size)
{
  model *m = &models[which];
  if (m->is_ended) return;
  if (size > WIRE_QUEUE - w.sockets[which].to) size = WIRE_QUEUE - w.sockets[which].to;
  if (size > ROW - m->to) size = ROW - m->to;
  wire_arrive(&w, which, data, size);
  memcpy(m->row + m->to, data, size);
  m->to += size;
}

static void turn(void)
{
  w.now += LC_MILLISECOND;
  MUST(lc_loop_turn(loop, 0) == 0);
}

static void reset(int which)
{
  model *m = &models[which];
  if (!m->is_ended) wire_reset(&w, which);
  else return;
  m->is_ended = 1;
  turn();
  if (!m->failed) m->failed = LC_RESET;
  check_buffered(m);
}

/* A receive that goes wrong, once; EINTR is not seen at all. */
static int troubled(int which, unsigned kind)
{
  static const int codes[] = {0, -EINTR, -ENOMEM, -ENOBUFS, -EIO};
  int code = codes[kind % (sizeof codes / sizeof *codes)];
  w.sockets[which].trouble = code;
  return code == -EINTR ? 0 : code;
}

/* ---------------------------------------------------------------------- steps -- */

static const struct {
  const char *text;
  size_t length;
} DELIMITERS[] = {{"\n", 1}, {"\r\n", 2}, {"ab", 2}, {"aab", 3}, {"", 0}, {"aaaaaaaab", 9}};
enum { DELIMITER_COUNT = sizeof DELIMITERS / sizeof *DELIMITERS };

/* One byte: what to do (4 bits), on which connection (1), waiting afterwards or not (1), trouble
 * (2). */
static void step(fuzz_data *data)
{
  unsigned what = fuzz_byte(data);
  int which = what >> 4 & 1;
  model *m = &models[which];
  size_t size = fuzz_size(data);
  int trouble = what >> 6 ? troubled(which, (what >> 6) + (size & 1)) : 0;
  switch (what & 15) {
    case 0: try_some(m, size + 1, trouble); break;
    case 1: try_exact(m, size, trouble); break;
    case 2: {
      unsigned which_one = fuzz_byte(data) % DELIMITER_COUNT;
      try_until(m, DELIMITERS[which_one].text, DELIMITERS[which_one].length, size, trouble);
      break;
    }
    case 3: try_all(m, size, trouble); break;
    case 4: try_await(m, trouble); break;
    case 5: try_take(m, size); break;
    case 6: try_give_back(m, size); break;
    case 7: try_past_deadline(m); break;
    case 8: limit(m, size); break;
    case 9: wire_finish(&w, which), m->is_ended = 1; break;
    case 10: reset(which); break;
    case 11: { /* many alike, for what is larger than the buffers */
      static uint8_t alike[2][0x1ffff];
      if (!alike[0][0])
        for (int i = 0; i < 2; i++) memset(alike[i], 'a' + i, sizeof alike[i]);
      arrive(which, alike[size & 1], size);
      break;
    }
    default: /* as the input has them */
      if (size > data->left) size = data->left;
      arrive(which, data->at, size);
      data->at += size;
      data->left -= size;
  }
  w.sockets[which].trouble = 0;
  if (what & 32) lc_conn_wait(m->conn, LC_WAIT_READ, LC_NEVER);
  turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fuzz_data steps = {data, size};
  int error = 0;
  wire_init(&w);
  loop = lc_loop_new(&w.sys, &error);
  lc_server *server = loop ? lc_server_new(loop, NULL, &EVENTS, NULL, &error) : NULL;
  MUST(server);
  for (int i = 0; i < CONNS; i++) {
    model *m = &models[i];
    m->from = m->to = m->last = 0;
    m->is_ended = m->failed = 0;
    m->sought = NULL;
    MUST(lc_conn_adopt(server, wire_fd(i), NULL, &m->conn) == 0);
    m->max_read = lc_conn_settings(m->conn)->max_read;
    lc_conn_ref(m->conn);
  }
  turn();
  for (int i = 0; i < STEPS_MAX && steps.left; i++) step(&steps);
  lc_server_free(server);
  lc_loop_free(loop);
  for (int i = 0; i < CONNS; i++) {
    MUST(!w.sockets[i].is_open && !w.sockets[i].is_watched);
    check_buffered(&models[i]); /* still readable */
    lc_conn_unref(models[i].conn);
  }
  return 0;
}
