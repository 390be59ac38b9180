/* odd_transport.c - a transport for tests, which does all that a transport may do and bytes as they
 * are do not. */
#include "odd_transport.h"

#include <stdlib.h>
#include <string.h>

const char *const odd_words[ODD_WORDS] = {"od", "d?!", "cake", "!"};
const size_t odd_portions[ODD_PORTIONS] = {1, 3, 2, 7, 64, 5, 4096};

typedef struct odd_state {
  odd_transport *transport;
  int is_outbound;
  unsigned word; /* of the handshake */
  size_t spelled;
  unsigned turn; /* picks the portions */
  unsigned char out_key, in_key;
  unsigned char out[256]; /* encoded, and the kernel has not taken it */
  size_t out_start, out_end;
  unsigned char in[4096]; /* decoded, and not looked at */
  size_t in_start, in_end;
  unsigned char *held; /* what handlers are to be given */
  size_t held_start, held_end, held_room;
  size_t frame_left;
  size_t sent_since; /* the last call */
  int owes_answer, awaits_answer, has_said_last, has_heard_last;
} odd_state;

void odd_encode(unsigned char *key, unsigned char *bytes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    unsigned char plain = bytes[i];
    bytes[i] = (unsigned char)(plain ^ *key ^ 0x5A);
    *key = (unsigned char)(*key * 5 + plain + 1);
  }
}

void odd_decode(unsigned char *key, unsigned char *bytes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    bytes[i] = (unsigned char)(bytes[i] ^ *key ^ 0x5A);
    *key = (unsigned char)(*key * 5 + bytes[i] + 1);
  }
}

/* ------------------------------------------------------------ to the kernel -- */

static size_t portion(odd_state *state, size_t most)
{
  size_t size = odd_portions[state->turn++ % ODD_PORTIONS];
  return size < most ? size : most;
}

static void put(odd_state *state, const void *bytes, size_t count)
{
  memcpy(state->out + state->out_end, bytes, count);
  odd_encode(&state->out_key, state->out + state->out_end, count);
  state->out_end += count;
}

static void put_sign(odd_state *state, unsigned char sign) { put(state, &sign, 1); }

static int flush(odd_state *state, lc_line *line)
{
  while (state->out_start < state->out_end) {
    struct iovec piece = {state->out + state->out_start,
                          portion(state, state->out_end - state->out_start)};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent;
    LC_RETRY(sent, line->sys->sendmsg(line->sys, line->fd, &message, MSG_NOSIGNAL));
    if (sent == -EAGAIN) {
      line->wants = LC_POLL_OUT;
      return LC_AGAIN;
    }
    if (sent < 0) return (int)sent;
    state->out_start += (size_t)sent;
  }
  state->out_start = state->out_end = 0;
  return 0;
}

/* ---------------------------------------------------------- from the kernel -- */

/* One portion into the empty `in`. How much, 0 at the end, LC_AGAIN, or a code. */
static ssize_t fetch(odd_state *state, lc_line *line)
{
  ssize_t got;
  size_t most = sizeof state->in, size = state->transport->is_greedy ? most : portion(state, most);
  LC_RETRY(got, line->sys->recv(line->sys, line->fd, state->in, size, 0));
  if (got == -EAGAIN) {
    line->wants = LC_POLL_IN;
    return LC_AGAIN;
  }
  if (got <= 0) return got;
  odd_decode(&state->in_key, state->in, (size_t)got);
  line->has_received = 1;
  state->in_start = 0;
  state->in_end = (size_t)got;
  return got;
}

static int hold(odd_state *state, size_t count)
{
  if (state->held_start == state->held_end) state->held_start = state->held_end = 0;
  if (state->held_end + count > state->held_room) {
    size_t room = 2 * (state->held_end + count);
    unsigned char *held = realloc(state->held, room);
    if (!held) return -ENOMEM;
    state->held = held;
    state->held_room = room;
  }
  memcpy(state->held + state->held_end, state->in + state->in_start, count);
  state->held_end += count;
  state->in_start += count;
  return 0;
}

static int obey(odd_state *state, unsigned char sign)
{
  if (sign && sign <= ODD_MOST) state->frame_left = sign;
  else if (sign == ODD_CALL) state->owes_answer = 1;
  else if (sign == ODD_ANSWER) state->awaits_answer = 0;
  else if (sign == ODD_LAST) state->has_heard_last = 1;
  else return -EPROTO;
  return 0;
}

/* What has been decoded, up to a call. */
static int digest(odd_state *state)
{
  int result = 0;
  while (!result && state->in_start < state->in_end && !state->owes_answer &&
         !state->has_heard_last) {
    size_t left = state->in_end - state->in_start;
    if (state->frame_left) {
      size_t count = left < state->frame_left ? left : state->frame_left;
      result = hold(state, count);
      if (!result) state->frame_left -= count;
    } else {
      result = obey(state, state->in[state->in_start++]);
    }
  }
  return result;
}

/* The answer leaves before anything behind the call is decoded. */
static int answer(odd_state *state, lc_line *line)
{
  if (state->owes_answer == 1) put_sign(state, ODD_ANSWER);
  state->owes_answer = 2;
  int result = flush(state, line);
  if (!result) state->owes_answer = 0;
  return result;
}

/* One step: 1 when there may be more, 0 at the end of the stream, LC_AGAIN, or a code. */
static int take_in(odd_state *state, lc_line *line)
{
  int result = state->owes_answer ? answer(state, line) : 0;
  if (result < 0) return result;
  if (state->in_start < state->in_end) return (result = digest(state)) < 0 ? result : 1;
  ssize_t got = fetch(state, line);
  if (got <= 0) return got ? (int)got : 0;
  result = digest(state);
  return result < 0 ? result : 1;
}

/* ------------------------------------------------------------- the handshake -- */

static int say_word(odd_state *state, lc_line *line)
{
  const char *word = odd_words[state->word];
  if (!state->spelled) put(state, word, strlen(word));
  state->spelled = strlen(word);
  return flush(state, line);
}

static int hear_word(odd_state *state, lc_line *line)
{
  const char *word = odd_words[state->word];
  while (word[state->spelled]) {
    if (state->in_start == state->in_end) {
      ssize_t got = fetch(state, line);
      if (got <= 0) return got ? (int)got : -ECONNABORTED;
    }
    if (state->in[state->in_start++] != (unsigned char)word[state->spelled++]) return -EPROTO;
  }
  return 0;
}

static int shake_hands(odd_state *state, lc_line *line)
{
  while (state->word < ODD_WORDS) {
    int is_ours = (state->word % 2 == 0) == state->is_outbound;
    int result = is_ours ? say_word(state, line) : hear_word(state, line);
    if (result) return result;
    state->word++;
    state->spelled = 0;
  }
  return digest(state);
}

/* ----------------------------------------------------------------- the calls -- */

/* Whether this call is to fail, and with what. */
static int is_to_fail(odd_transport *odd, odd_call call, size_t most, ssize_t *result)
{
  unsigned number = ++odd->of[call].made, first = odd->of[call].first;
  if (!first || number < first || number - first >= odd->of[call].times) return 0;
  odd->of[call].failed++;
  *result = odd->of[call].result;
  if (*result == ODD_TOO_MUCH) *result = (ssize_t)most + 1;
  return 1;
}

static int begin(const lc_transport *transport, int is_outbound, void **made)
{
  odd_transport *odd = (odd_transport *)(uintptr_t)transport;
  ssize_t result;
  if (is_to_fail(odd, ODD_BEGIN, 0, &result)) return (int)result;
  odd_state *state = calloc(1, sizeof *state);
  if (!state) return -ENOMEM;
  state->transport = odd;
  state->is_outbound = is_outbound;
  odd->begun++;
  *made = state;
  return 0;
}

static int open_up(lc_line *line)
{
  odd_state *state = line->state;
  ssize_t result;
  if (is_to_fail(state->transport, ODD_OPEN, 0, &result)) return (int)result;
  return shake_hands(state, line);
}

static ssize_t receive(lc_line *line, void *into, size_t room)
{
  odd_state *state = line->state;
  ssize_t failure;
  if (is_to_fail(state->transport, ODD_RECEIVE, room, &failure)) return failure;
  while (state->held_start == state->held_end) {
    if (state->has_heard_last) return 0;
    int result = take_in(state, line);
    if (result <= 0) return result ? result : -ECONNABORTED;
  }
  size_t held = state->held_end - state->held_start;
  size_t size = portion(state, room < held ? room : held);
  memcpy(into, state->held + state->held_start, size);
  state->held_start += size;
  return (ssize_t)size;
}

/* Until the answer is there. */
static int await_answer(odd_state *state, lc_line *line)
{
  while (state->awaits_answer && !state->has_heard_last) {
    int result = take_in(state, line);
    if (result <= 0) return result ? result : -ECONNABORTED;
  }
  return 0;
}

/* A frame of what there is to send; how much that is. */
static size_t put_frame(odd_state *state, const struct iovec *pieces, int count)
{
  for (int i = 0; i < count; i++) {
    if (!pieces[i].iov_len) continue;
    size_t most = pieces[i].iov_len < ODD_MOST ? pieces[i].iov_len : ODD_MOST;
    size_t size = portion(state, most);
    put_sign(state, (unsigned char)size);
    put(state, pieces[i].iov_base, size);
    return size;
  }
  return 0;
}

static ssize_t send_some(lc_line *line, const struct iovec *pieces, int count)
{
  odd_state *state = line->state;
  size_t total = 0;
  ssize_t failure;
  for (int i = 0; i < count; i++) total += pieces[i].iov_len;
  if (is_to_fail(state->transport, ODD_SEND, total, &failure)) return failure;
  int result = flush(state, line);
  if (!result && total) result = await_answer(state, line);
  line->keeps = state->out_start < state->out_end;
  if (result < 0) return line->keeps && !total && result == LC_AGAIN ? 0 : result;
  size_t size = put_frame(state, pieces, count), every = state->transport->call_every;
  state->sent_since += size;
  if (every && state->sent_since >= every) {
    put_sign(state, ODD_CALL);
    state->awaits_answer = 1;
    state->sent_since = 0;
  }
  result = flush(state, line);
  line->keeps = result == LC_AGAIN;
  return result < 0 && result != LC_AGAIN ? result : (ssize_t)size;
}

static int unread(lc_line *line)
{
  odd_state *state = line->state;
  ssize_t failure;
  if (is_to_fail(state->transport, ODD_UNREAD, 0, &failure)) return (int)failure;
  int held = (int)(state->held_end - state->held_start);
  if (state->has_heard_last) return held;
  int count = line->sys->unread(line->sys, line->fd);
  return count < 0 ? count : count + held + (int)(state->in_end - state->in_start);
}

static int unacked(lc_line *line)
{
  odd_state *state = line->state;
  ssize_t failure;
  if (is_to_fail(state->transport, ODD_UNACKED, 0, &failure)) return (int)failure;
  int count = line->sys->unacked(line->sys, line->fd);
  return count < 0 ? count : count + (int)(state->out_end - state->out_start);
}

/* The last word; where that is wished, the peer's is awaited. */
static int finish(lc_line *line)
{
  odd_state *state = line->state;
  ssize_t failure;
  int result;
  if (is_to_fail(state->transport, ODD_FINISH, 0, &failure)) return (int)failure;
  if ((result = flush(state, line)) < 0) return result;
  if (!state->has_said_last) put_sign(state, ODD_LAST);
  state->has_said_last = 1;
  if ((result = flush(state, line)) < 0) return result;
  while (state->transport->waits_for_last && !state->has_heard_last) {
    result = take_in(state, line);
    if (result < 0) return result;
    if (result == 0) break;
  }
  LC_RETRY(result, line->sys->shutdown(line->sys, line->fd, SHUT_WR));
  return result;
}

static void end(void *made)
{
  odd_state *state = made;
  state->transport->ended++;
  free(state->held);
  free(state);
}

void odd_init(odd_transport *odd)
{
  *odd = (odd_transport){.table = {.version = LC_TRANSPORT_VERSION,
                                   .name = "odd",
                                   .begin = begin,
                                   .open = open_up,
                                   .receive = receive,
                                   .send = send_some,
                                   .unread = unread,
                                   .unacked = unacked,
                                   .finish = finish,
                                   .end = end}};
}

void odd_fail(odd_transport *odd, odd_call call, unsigned nth, unsigned times, int result)
{
  odd->of[call].made = odd->of[call].failed = 0;
  odd->of[call].first = nth;
  odd->of[call].times = times;
  odd->of[call].result = result;
}
