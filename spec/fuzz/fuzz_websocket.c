/* fuzz_websocket.c - a conversation over WebSocket out of any bytes, cut into pieces in any way.
 *
 * The first byte says which end we are, and when messages are taken; the second how the bytes are cut. Beside the
 * library a model, which goes byte by byte: both find the same messages, and the same end.
 */
#include <string.h>

#include "conn/conn.h"
#include "fuzz.h"
#include "lastcall.h"
#include "wire.h"

enum { ROOM = 1 << 16, MESSAGES = 1 << 12, MESSAGE_MOST = 300 };
enum { AS_CLIENT = 1, TAKES_LATE = 2 };

/* ------------------------------------------------------------------- the model -- */

typedef struct model {
  int from_client;
  char head[LC_WS_HEAD_MOST];
  size_t head_length;
  lc_ws_head frame;
  int in_frame;
  uint64_t at;
  uint8_t kind; /* of the message under way */
  size_t begins;
  lc_utf8 text;
  char control[LC_WS_CONTROL_MOST];

  char bytes[ROOM]; /* of all messages */
  size_t length;
  struct {
    size_t at, length;
    uint8_t kind;
  } messages[MESSAGES];
  int count;
  lc_ws_fault fault;
  int code; /* of Close; 0: none has come */
} model;

static int is_over(const model *m) { return m->fault || m->code || m->count == MESSAGES; }

static void finish_frame(model *m)
{
  const char *reason;
  size_t length;
  m->in_frame = 0;
  if (m->frame.opcode == LC_WS_CLOSE) {
    m->fault = lc_ws_close_read(m->control, (size_t)m->frame.length, &m->code, &reason, &length);
  } else if (m->frame.opcode < LC_WS_CLOSE && m->frame.is_final) {
    if (m->kind == LC_WS_TEXT && !lc_utf8_is_whole(&m->text)) {
      m->fault = LC_WS_BAD_UTF8;
      return;
    }
    m->messages[m->count].at = m->begins;
    m->messages[m->count].length = m->length - m->begins;
    m->messages[m->count++].kind = m->kind;
    m->kind = 0;
  }
}

static void begin_frame(model *m)
{
  m->head_length = 0;
  m->at = 0;
  m->in_frame = 1;
  if (m->frame.opcode < LC_WS_CLOSE) {
    int goes_on = m->frame.opcode == LC_WS_CONTINUATION;
    size_t gathered = m->kind ? m->length - m->begins : 0;
    if (goes_on && !m->kind) m->fault = LC_WS_BAD_CONTINUATION;
    else if (!goes_on && m->kind) m->fault = LC_WS_BAD_UNFINISHED;
    else if (m->frame.length > MESSAGE_MOST - gathered) m->fault = LC_WS_BAD_TOO_BIG;
    if (m->fault) return;
    if (!goes_on) {
      m->kind = m->frame.opcode;
      m->begins = m->length;
      m->text = (lc_utf8){0};
    }
  }
  if (!m->frame.length) finish_frame(m);
}

static void take_payload(model *m, char byte)
{
  byte = (char)((uint8_t)byte ^ m->frame.mask[m->at & 3]);
  if (m->frame.opcode >= LC_WS_CLOSE) {
    m->control[m->at] = byte;
  } else {
    m->bytes[m->length++] = byte;
    if (m->kind == LC_WS_TEXT && !lc_utf8_read(&m->text, &byte, 1)) m->fault = LC_WS_BAD_UTF8;
  }
  if (++m->at == m->frame.length && !m->fault) finish_frame(m);
}

static void model_run(model *m, const char *data, size_t length)
{
  for (size_t i = 0; i < length && !is_over(m); i++) {
    if (m->in_frame) {
      take_payload(m, data[i]);
      continue;
    }
    m->head[m->head_length++] = data[i];
    ssize_t size = lc_ws_head_read(&m->frame, m->head, m->head_length, m->from_client);
    if (size == LC_WS_BAD) m->fault = (lc_ws_fault)m->frame.fault;
    else if (size > 0) begin_frame(m);
  }
}

/* ---------------------------------------------------------------- the library -- */

static wire w;
static lc_loop *loop;
static lc_conn *conn;
static lc_websocket *ws;
static model expected;
static int taken;

static void on_ready(lc_conn *of, unsigned what, void *user) { (void)of, (void)what, (void)user; }

static const lc_events EVENTS = {.ready = on_ready};

static void turn(void)
{
  w.now += LC_MILLISECOND;
  MUST(lc_loop_turn(loop, 0) == 0);
}

/* Takes what is there. Returns what lc_websocket_read gives then. */
static int take(void)
{
  lc_websocket_message message;
  int result;
  while (!(result = lc_websocket_read(ws, &message))) {
    MUST(taken < expected.count);
    size_t length = expected.messages[taken].length;
    MUST(message.kind == (lc_ws_opcode)expected.messages[taken].kind);
    MUST(message.data.length == length);
    MUST(!memcmp(message.data.data, expected.bytes + expected.messages[taken].at, length));
    taken++;
  }
  return result;
}

static void arrive(const char *data, size_t length, unsigned seed, int takes_late)
{
  for (size_t at = 0; at < length;) {
    seed = seed * 1103515245 + 12345;
    size_t piece = 1 + (seed >> 16) % ((seed >> 8 & 3) ? 5 : 300);
    if (piece > length - at) piece = length - at;
    wire_arrive(&w, 0, (const uint8_t *)data + at, piece);
    at += piece;
    turn();
    if (takes_late && seed >> 24 & 3) continue;
    if (take() == LC_AGAIN) lc_websocket_wait(ws, LC_NEVER);
  }
}

static void check_end(int result)
{
  lc_websocket_verdict verdict;
  lc_websocket_verdict_get(ws, &verdict);
  MUST(taken == expected.count);
  MUST(result == (expected.fault ? LC_WS_BAD : LC_EOF));
  MUST(verdict.fault == expected.fault);
  if (expected.fault) return;
  MUST(verdict.code == (expected.code ? expected.code : LC_WS_ABNORMAL));
  int is_coming = expected.kind || expected.in_frame || expected.head_length;
  MUST(verdict.is_cut == (!expected.code && is_coming));
}

static lc_server *begin(int is_client)
{
  int error = 0;
  lc_websocket_options options;
  lc_websocket_options_init(&options);
  options.max_message = MESSAGE_MOST;
  options.is_client = is_client;
  wire_init(&w);
  loop = lc_loop_new(&w.sys, &error);
  lc_server *server = loop ? lc_server_new(loop, NULL, &EVENTS, NULL, &error) : NULL;
  MUST(server);
  MUST(lc_conn_adopt(server, wire_fd(0), NULL, &conn) == 0);
  lc_conn_ref(conn);
  MUST(lc_websocket_begin(conn, &options, &ws) == 0);
  turn();
  return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2 || size > ROOM) return 0;
  const char *text = (const char *)data + 2;
  memset(&expected, 0, sizeof expected);
  expected.from_client = !(data[0] & AS_CLIENT);
  model_run(&expected, text, size - 2);
  if (expected.count == MESSAGES) return 0;
  taken = 0;
  lc_server *server = begin(data[0] & AS_CLIENT);
  arrive(text, size - 2, data[1], data[0] & TAKES_LATE);
  wire_finish(&w, 0);
  turn();
  int result = take();
  for (int i = 0; result == LC_AGAIN && i < 1000; i++) {
    turn();
    result = take();
  }
  check_end(result);
  lc_server_free(server);
  lc_loop_free(loop);
  lc_websocket_release(ws);
  lc_conn_unref(conn);
  return 0;
}
