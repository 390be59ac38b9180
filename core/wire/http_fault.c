/* http_fault.c - why a message is refused, in words, and with which status. */
#include "lastcall.h"

static const struct {
  int status;
  const char *text;
} FAULTS[LC_HTTP_FAULTS] = {
  [LC_HTTP_NO_FAULT] = {0, "nothing is wrong"},
  [LC_HTTP_BAD_METHOD] = {400, "the request does not begin with a method and one space"},
  [LC_HTTP_BAD_METHOD_LONG] = {501, "the method is longer than 32 bytes"},
  [LC_HTTP_BAD_CONNECT] = {501, "the method CONNECT is not served"},
  [LC_HTTP_BAD_TARGET] = {400,
                          "the target has a byte that must not be there, or no space behind it"},
  [LC_HTTP_BAD_TARGET_FORM] = {400, "the target is neither a path nor a URL"},
  [LC_HTTP_BAD_TARGET_HOST] = {400, "the host in the target is not valid"},
  [LC_HTTP_BAD_LINE_LONG] = {414, "the request line is too long"},
  [LC_HTTP_BAD_VERSION] = {400, "no HTTP version ends the request line"},
  [LC_HTTP_BAD_VERSION_OTHER] = {505, "the version is neither 1.0 nor 1.1"},
  [LC_HTTP_BAD_STATUS_LINE] = {400, "the status line is not valid"},
  [LC_HTTP_BAD_LINE_END] = {400, "a line does not end with CR LF"},
  [LC_HTTP_BAD_NAME] = {400, "a line does not begin with a field's name and a colon"},
  [LC_HTTP_BAD_FOLDED] = {400, "a line begins with white space"},
  [LC_HTTP_BAD_VALUE] = {400, "the value of a field has a control character"},
  [LC_HTTP_BAD_HEAD_LONG] = {431, "the head is too long"},
  [LC_HTTP_BAD_FIELDS] = {431, "there are too many fields"},
  [LC_HTTP_BAD_HOST_MISSING] = {400, "there is no Host"},
  [LC_HTTP_BAD_HOST_TWICE] = {400, "there are several Host fields"},
  [LC_HTTP_BAD_HOST] = {400, "the Host is not valid"},
  [LC_HTTP_BAD_LENGTH] = {400, "the Content-Length is not a number"},
  [LC_HTTP_BAD_LENGTH_TWICE] = {400, "there are several Content-Length fields"},
  [LC_HTTP_BAD_LENGTH_LARGE] = {400, "the Content-Length is too large"},
  [LC_HTTP_BAD_CODING] = {400, "the Transfer-Encoding is not valid"},
  [LC_HTTP_BAD_CODING_OTHER] = {501, "the Transfer-Encoding is not only chunked"},
  [LC_HTTP_BAD_CODING_TWICE] = {400, "the body is chunked more than once"},
  [LC_HTTP_BAD_CODING_NOT_LAST] = {400, "chunked is not the last transfer coding"},
  [LC_HTTP_BAD_CODING_OLD] = {400, "there is a Transfer-Encoding in HTTP/1.0"},
  [LC_HTTP_BAD_CODING_AND_LENGTH] = {400, "there are both Transfer-Encoding and Content-Length"},
  [LC_HTTP_BAD_EXPECT] = {417, "something else than 100-continue is expected"},
  [LC_HTTP_BAD_CHUNK_SIZE] = {400, "the size of a chunk is not 1 to 16 hexadecimal digits"},
  [LC_HTTP_BAD_CHUNK_EXTENSION] = {400, "the extension of a chunk is not valid"},
  [LC_HTTP_BAD_CHUNK_EXTENSION_LONG] = {400, "the extensions of a chunk are too long"},
  [LC_HTTP_BAD_CHUNK_OVERHEAD] = {400, "the chunks have too little data for their lines"},
  [LC_HTTP_BAD_CHUNK_END] = {400, "a chunk does not end with CR LF"},
  [LC_HTTP_BAD_TRAILER] = {400, "a trailer says how long the message is, or where it goes"},
};

int lc_http_fault_status(lc_http_fault fault) { return FAULTS[fault].status; }

const char *lc_http_fault_text(lc_http_fault fault) { return FAULTS[fault].text; }
