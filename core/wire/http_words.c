/* http_words.c - the usual words for a status, and the date as HTTP writes it. */
#include <string.h>

#include "lastcall.h"

const char *lc_http_reason(int status)
{
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

/* ------------------------------------------------------------------ the date -- */

enum { DAY_SECONDS = 86400, ERA_DAYS = 146097, EPOCH_DAYS = 719468 };

static void two_digits(char *text, int64_t number)
{
  text[0] = (char)('0' + number / 10);
  text[1] = (char)('0' + number % 10);
}

/* The year is taken to begin in March, so that the leap day comes last; an era has 400 years. */
static void put_day(char *text, int64_t days)
{
  static const char MONTHS[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
  int64_t from_era = days + EPOCH_DAYS, era = from_era / ERA_DAYS, day = from_era % ERA_DAYS;
  int64_t year = (day - day / 1460 + day / 36524 - day / (ERA_DAYS - 1)) / 365;
  day -= 365 * year + year / 4 - year / 100;
  int64_t month = (5 * day + 2) / 153;
  day -= (153 * month + 2) / 5;
  year += era * 400 + (month >= 10);
  two_digits(text + 5, day + 1);
  memcpy(text + 8, MONTHS + month * 3, 3);
  two_digits(text + 12, year / 100 % 100);
  two_digits(text + 14, year % 100);
}

void lc_http_date(char *text, int64_t seconds)
{
  static const char DAYS[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
  if (seconds < 0) seconds = 0;
  int64_t days = seconds / DAY_SECONDS, rest = seconds % DAY_SECONDS;
  memcpy(text, "Thu, 01 Jan 1970 00:00:00 GMT", LC_HTTP_DATE_SIZE);
  memcpy(text, DAYS + days % 7 * 3, 3);
  put_day(text, days);
  two_digits(text + 17, rest / 3600);
  two_digits(text + 20, rest / 60 % 60);
  two_digits(text + 23, rest % 60);
}
