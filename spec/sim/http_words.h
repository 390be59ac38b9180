/* http_words.h - the words of words.h as requests of HTTP: POST, with the words as path.
 *
 * The body of a reply begins with the words that are the reply elsewhere.
 */
#ifndef SIM_HTTP_WORDS_H
#define SIM_HTTP_WORDS_H

#include "lastcall.h"
#include "words.h"

enum { HTTP_WORDS_SIZE = 85 };

void http_words_write(char text[HTTP_WORDS_SIZE], const words *said);
words http_words_read(const lc_http_exchange *x);

#endif
