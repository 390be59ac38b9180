/* http_chunk.c - reads a chunked body, piece by piece.
 *
 *   SIZE -> DIGITS -----------------------------------------------> LINE_END -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *              `-> NAME_BEGIN -> NAME -> VALUE_BEGIN -> VALUE ----'    `-> over, after size 0
 *                       ^          |         `-> QUOTED -> QUOTED_END
 *                       `--- ";" --+--------------------------'
 *
 * All states but DATA take one byte.
 */
#include "lastcall.h"
#include "wire/http_class.h"

enum {
  SIZE,
  DIGITS,
  NAME_BEGIN,
  NAME,
  VALUE_BEGIN,
  VALUE,
  QUOTED,
  QUOTED_PAIR,
  QUOTED_END,
  LINE_END,
  DATA,
  DATA_CR,
  DATA_LF
};

enum { DIGITS_MAX = 16, USUAL_OVERHEAD = 16 };

static lc_http_fault go_on(lc_http_chunks *chunks, int state)
{
  chunks->state = (uint8_t)state;
  return LC_HTTP_NO_FAULT;
}

static lc_http_fault take_digit(lc_http_chunks *chunks, char byte)
{
  int digit = lc_http_hex(byte);
  if (digit < 0 || chunks->line == DIGITS_MAX) return LC_HTTP_BAD_CHUNK_SIZE;
  chunks->line++;
  chunks->left = chunks->left << 4 | (uint64_t)digit;
  return go_on(chunks, DIGITS);
}

/* Behind the size, or behind an extension. */
static lc_http_fault take_end(lc_http_chunks *chunks, char byte, lc_http_fault fault)
{
  if (byte == '\r') return go_on(chunks, LINE_END);
  return byte == ';' ? go_on(chunks, NAME_BEGIN) : fault;
}

/* A body may have many chunks, and a chunk with much data a long line. Many long lines with little
 * data are a burden. */
static lc_http_fault end_line(lc_http_chunks *chunks, char byte)
{
  if (byte != '\n') return LC_HTTP_BAD_CHUNK_END;
  uint32_t overhead = chunks->overhead + chunks->line + chunks->extension + 4;
  uint64_t allowed =
    USUAL_OVERHEAD +
    (chunks->left < LC_HTTP_MAX_OVERHEAD ? chunks->left * 2 : LC_HTTP_MAX_OVERHEAD * 2);
  chunks->overhead = overhead > allowed ? overhead - (uint32_t)allowed : 0;
  if (chunks->overhead > LC_HTTP_MAX_OVERHEAD) return LC_HTTP_BAD_CHUNK_OVERHEAD;
  chunks->line = 0;
  chunks->extension = 0;
  chunks->is_over = !chunks->left;
  return go_on(chunks, DATA);
}

static lc_http_fault take_quoted(lc_http_chunks *chunks, char byte)
{
  if (!lc_http_is(byte, LC_HTTP_IN_VALUE)) return LC_HTTP_BAD_CHUNK_EXTENSION;
  if (chunks->state == QUOTED_PAIR) return go_on(chunks, QUOTED);
  return go_on(chunks, byte == '"' ? QUOTED_END : byte == '\\' ? QUOTED_PAIR : QUOTED);
}

static lc_http_fault take_extension(lc_http_chunks *chunks, char byte)
{
  int is_token = lc_http_is(byte, LC_HTTP_IN_TOKEN);
  switch (chunks->state) {
    case NAME_BEGIN: return is_token ? go_on(chunks, NAME) : LC_HTTP_BAD_CHUNK_EXTENSION;
    case NAME:
      if (is_token) return LC_HTTP_NO_FAULT;
      if (byte == '=') return go_on(chunks, VALUE_BEGIN);
      break;
    case VALUE_BEGIN:
      if (byte == '"') return go_on(chunks, QUOTED);
      return is_token ? go_on(chunks, VALUE) : LC_HTTP_BAD_CHUNK_EXTENSION;
    case VALUE:
      if (is_token) return LC_HTTP_NO_FAULT;
      break;
    case QUOTED:
    case QUOTED_PAIR: return take_quoted(chunks, byte);
    default: break; /* QUOTED_END */
  }
  return take_end(chunks, byte, LC_HTTP_BAD_CHUNK_EXTENSION);
}

static lc_http_fault take(lc_http_chunks *chunks, char byte)
{
  switch (chunks->state) {
    case SIZE: return take_digit(chunks, byte);
    case DIGITS:
      if (byte == ';' || byte == '\r') return take_end(chunks, byte, LC_HTTP_BAD_CHUNK_SIZE);
      return take_digit(chunks, byte);
    case LINE_END: return end_line(chunks, byte);
    case DATA_CR: return byte == '\r' ? go_on(chunks, DATA_LF) : LC_HTTP_BAD_CHUNK_END;
    case DATA_LF: return byte == '\n' ? go_on(chunks, SIZE) : LC_HTTP_BAD_CHUNK_END;
    default:
      if (++chunks->extension > LC_HTTP_MAX_EXTENSION) return LC_HTTP_BAD_CHUNK_EXTENSION_LONG;
      return take_extension(chunks, byte);
  }
}

static size_t take_data(lc_http_chunks *chunks, size_t most)
{
  size_t size = chunks->left < most ? (size_t)chunks->left : most;
  chunks->left -= size;
  if (!chunks->left) chunks->state = DATA_CR;
  return size;
}

ssize_t lc_http_chunks_read(lc_http_chunks *chunks, const char *data, size_t length,
                            lc_slice *piece)
{
  *piece = (lc_slice){data, 0};
  for (size_t at = 0; at < length && !chunks->is_over && !chunks->fault; at++) {
    if (chunks->state == DATA) {
      *piece = (lc_slice){data + at, take_data(chunks, length - at)};
      return (ssize_t)(at + piece->length);
    }
    chunks->fault = (uint8_t)take(chunks, data[at]);
    if (chunks->is_over) return (ssize_t)at + 1;
  }
  if (chunks->fault) return LC_HTTP_BAD;
  return chunks->is_over ? 0 : (ssize_t)length;
}

void lc_http_chunks_init(lc_http_chunks *chunks) { *chunks = (lc_http_chunks){.state = SIZE}; }
