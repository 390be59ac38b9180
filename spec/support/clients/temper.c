/* temper.c - what all tempers have in common: settings, the bell, the hard stop. */
#include "temper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct temper_kind *const temper_kinds[] = {
  &kind_storm,   &kind_latecomer, &kind_keepalive, &kind_idle,   &kind_stalled,
  &kind_midwork, &kind_twopart,   &kind_slowread,  &kind_upload, NULL,
};

static void ring(struct engine *engine, struct alarm *alarm)
{
  (void)engine;
  struct temper *temper = (struct temper *)alarm;
  temper->kind->turn(temper);
}

void temper_init(struct temper *temper, struct engine *engine, const struct temper_kind *kind)
{
  memset(temper, 0, sizeof *temper);
  temper->alarm.ring = ring;
  temper->kind = kind;
  temper->engine = engine;
  tally_open(&temper->tally);
  for (int i = 0; kind->parameters[i].key; i++) temper->value[i] = kind->parameters[i].fallback;
}

/* "64k" and "4m" are 1024s, as sizes are meant to be. */
static bool read_number(const char *text, double *value)
{
  char *end;
  *value = strtod(text, &end);
  if (end == text) return false;
  if (*end == 'k') *value *= 1024, end++;
  else if (*end == 'm') *value *= 1024 * 1024, end++;
  return *end == '\0' && *value >= 0;
}

static bool read_word(const char *text, const char *words, double *value)
{
  size_t length = strlen(text);
  for (int place = 0;; place++) {
    size_t word = strcspn(words, "|");
    if (word == length && strncmp(words, text, length) == 0) {
      *value = place;
      return true;
    }
    if (words[word] == '\0') return false;
    words += word + 1;
  }
}

static const char *set_one(struct temper *temper, const char *key, const char *value)
{
  static char wrong[160];
  if (strcmp(key, "at") == 0) {
    const char *why;
    if (address_parse(value, &temper->address, &why)) return NULL;
    snprintf(wrong, sizeof wrong, "at=%.60s: %.60s", value, why);
    return wrong;
  }
  for (int i = 0; temper->kind->parameters[i].key; i++) {
    const struct parameter *parameter = &temper->kind->parameters[i];
    if (strcmp(parameter->key, key) != 0) continue;
    bool good = parameter->words ? read_word(value, parameter->words, &temper->value[i])
                                 : read_number(value, &temper->value[i]);
    if (good) return NULL;
    snprintf(wrong, sizeof wrong, "%s=%.60s: expected %s", key, value,
             parameter->words ? parameter->words : "a number");
    return wrong;
  }
  snprintf(wrong, sizeof wrong, "--%s has no setting '%.60s'", temper->kind->name, key);
  return wrong;
}

const char *temper_set(struct temper *temper, const char *settings)
{
  char copy[512];
  if (strlen(settings) >= sizeof copy) return "too long";
  snprintf(copy, sizeof copy, "%s", settings);
  char *rest = copy;
  for (char *one; (one = strsep(&rest, ",")) != NULL;) {
    char *equals = strchr(one, '=');
    if (!equals) return "expected key=value,key=value";
    *equals = '\0';
    const char *wrong = set_one(temper, one, equals + 1);
    if (wrong) return wrong;
  }
  return NULL;
}

void tempers_bell(struct engine *engine)
{
  if (engine->bell_at >= 0) return;
  engine->bell_at = clock_now();
  for (struct temper *temper = engine->tempers; temper; temper = temper->next)
    if (temper->kind->bell) temper->kind->bell(temper);
}

void tempers_let_go(struct engine *engine)
{
  for (struct temper *temper = engine->tempers; temper; temper = temper->next)
    if (temper->kind->let_go) temper->kind->let_go(temper);
}

void temper_stop(struct temper *temper)
{
  for (struct client *client = temper->clients, *next; client; client = next) {
    next = client->next;
    enum count outcome = UNFINISHED;
    if (client->phase != TALKING) outcome = HANGING;
    else if (temper->kind->at_stop) outcome = temper->kind->at_stop(client);
    client_end(client, outcome);
  }
  alarm_clear(temper->engine, &temper->alarm);
}
