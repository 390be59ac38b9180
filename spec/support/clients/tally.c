/* tally.c - what became of the clients of one temper, counted and printed. */
#include "tally.h"

#include "base/errors.h"

#include <string.h>

static const struct {
  const char *name;
  bool always;
} columns[COUNTS] = {
  [OPENED] = {"opened", true},      [CONNECTED] = {"connected", true},
  [SERVED] = {"served", true},      [REFUSED] = {"refused", true},
  [LOST] = {"lost", true},          [TRUNCATED] = {"truncated", true},
  [GARBLED] = {"garbled", true},    [UNFINISHED] = {"unfinished", true},
  [HANGING] = {"hanging", true},    [AT_EOF] = {"eof", false},
  [RESET] = {"reset", false},       [OPEN] = {"open", false},
  [ENDED] = {"ended", false},       [OTHER] = {"other", false},
  [LOCAL] = {"local", false},       [BUSY] = {"busy", false},
  [SURPLUS] = {"surplus", false},   [DELAYED] = {"delayed", false},
  [REQUESTS] = {"requests", false},
};

static const char *const wheres[WHERES] = {
  [AT_CONNECT] = "connect",
  [AT_SEND] = "send",
  [AT_RECV] = "recv",
};

void tally_open(struct tally *tally)
{
  memset(tally, 0, sizeof *tally);
  tally->first_refused = tally->last_connected = tally->first_end = tally->last_end = -1;
}

void tally_error(struct tally *tally, enum where where, int error)
{
  if (error > 0 && error < ERRNOS) tally->errors[where][error]++;
}

uint64_t tally_harm(const struct tally *tally, bool reset_is_harm)
{
  const uint64_t *n = tally->count;
  return n[LOST] + n[TRUNCATED] + n[GARBLED] + n[UNFINISHED] + n[HANGING] + n[OTHER] +
         (reset_is_harm ? n[RESET] : 0);
}

static void print_number(const char *name, uint64_t value, bool json, FILE *out)
{
  fprintf(out, json ? ",\"%s\":%llu" : " %s=%llu", name, (unsigned long long)value);
}

static void print_time(const char *name, double seconds, bool json, FILE *out)
{
  if (seconds < 0) return;
  fprintf(out, json ? ",\"%s\":%.1f" : " %s=%.1f", name, seconds * 1e3);
}

static void print_errors(const struct tally *tally, bool json, FILE *out)
{
  for (int where = 0; where < WHERES; where++)
    for (int error = 1; error < ERRNOS; error++)
      if (tally->errors[where][error] > 0) {
        const lc_error *known = lc_error_find(error);
        char key[48];
        snprintf(key, sizeof key, "%s.%s", wheres[where], known ? known->name : "unknown");
        print_number(key, tally->errors[where][error], json, out);
      }
}

void tally_print(const struct tally *tally, const char *name, bool json, FILE *out)
{
  fprintf(out, json ? "{\"temper\":\"%s\"" : "%s", name);
  for (int i = 0; i < COUNTS; i++)
    if (json || columns[i].always || tally->count[i] > 0)
      print_number(columns[i].name, tally->count[i], json, out);
  print_number("bytes", tally->bytes, json, out);
  print_time("slowest_ms", tally->slowest, json, out);
  print_time("slowest_refusal_ms", tally->slowest_refusal, json, out);
  print_time("first_refused_ms", tally->first_refused, json, out);
  print_time("last_connected_ms", tally->last_connected, json, out);
  print_time("first_end_ms", tally->first_end, json, out);
  print_time("last_end_ms", tally->last_end, json, out);
  print_errors(tally, json, out);
  fprintf(out, json ? "}\n" : "\n");
}
