/* odd_transport.h - a transport for tests, which does all that a transport may do and bytes as they
 * are do not.
 *
 * Every byte is changed, by its place and by all the bytes before it. It begins with four words,
 * two from either side. Then come frames: a length from 1 to ODD_MOST and so many bytes, or one of
 * three signs:
 *
 *   ODD_CALL    is to be answered before anything behind it is decoded: a receive that has to
 *               write. And it sends nothing more until the answer has come: a send that has to read
 *   ODD_ANSWER  the answer
 *   ODD_LAST    the last word, before the FIN
 *
 * It receives and sends in odd portions, decodes more than it is asked for, and keeps that.
 */
#ifndef ODD_TRANSPORT_H
#define ODD_TRANSPORT_H

#include "conn/transport.h"

enum { ODD_MOST = 100, ODD_CALL = 0xC0, ODD_ANSWER = 0xA5, ODD_LAST = 0xEE };
enum { ODD_WORDS = 4, ODD_PORTIONS = 7 };

extern const char *const odd_words[ODD_WORDS]; /* the first is said by whoever has connected */
extern const size_t odd_portions[ODD_PORTIONS];

typedef enum odd_call {
  ODD_BEGIN,
  ODD_OPEN,
  ODD_RECEIVE,
  ODD_SEND,
  ODD_UNREAD,
  ODD_UNACKED,
  ODD_FINISH,
  ODD_CALLS
} odd_call;

/* One more than there is room for, or than was given. */
#define ODD_TOO_MUCH INT32_MAX

typedef struct odd_transport {
  lc_transport table; /* what is handed to a server */
  size_t call_every;  /* after so many bytes sent comes an ODD_CALL; 0: none */
  int is_greedy;      /* receives all that there is, in place of an odd portion */
  int waits_for_last; /* the FIN waits for the peer's last word */
  unsigned begun;
  unsigned ended;
  struct {
    unsigned made;  /* calls so far */
    unsigned first; /* the call that fails, from 1; 0: none */
    unsigned times;
    int result; /* what it says in place of doing anything */
    unsigned failed;
  } of[ODD_CALLS];
} odd_transport;

void odd_init(odd_transport *odd);
/* The `nth` call of a kind, and `times` - 1 after it, give `result`. */
void odd_fail(odd_transport *odd, odd_call call, unsigned nth, unsigned times, int result);

/* Both in place; `key` is 0 at the beginning of each direction. */
void odd_encode(unsigned char *key, unsigned char *bytes, size_t count);
void odd_decode(unsigned char *key, unsigned char *bytes, size_t count);

#endif
