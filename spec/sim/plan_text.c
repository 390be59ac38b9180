/* plan_text.c - a plan as text, one part to a line, and back.
 *
 *   client temper=staying at=0.250000000
 *   request deed=sleep reply=100 takes=0.500000000      (of the client above)
 *   act what=signal at=0.300000000
 *
 * What is as by default is left out. Lines that begin with '#' say something to people.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_fields.h"

enum { LINE = 1000 };

/* ---------------------------------------------------------------- writing -- */

static void print_value(FILE *to, const field *one, const void *of)
{
  const char *at = (const char *)of + one->offset;
  int number;
  uint64_t value;
  lc_time time;
  memcpy(&number, at, sizeof number);
  fprintf(to, " %s=", one->name);
  switch (one->kind) {
    case FIELD_NUMBER: fprintf(to, "%d", number); break;
    case FIELD_CODE: fputs(lc_code_errno(number), to); break;
    case FIELD_LONG:
      memcpy(&value, at, sizeof value);
      fprintf(to, "%" PRIu64, value);
      break;
    case FIELD_TIME:
      memcpy(&time, at, sizeof time);
      if (time == LC_NEVER) fputs("never", to);
      else if (time < 0) fputs("background", to);
      else fprintf(to, "%" PRId64 ".%09" PRId64, time / LC_SECOND, time % LC_SECOND);
      break;
    default: fputs(field_value_name(one->kind, (unsigned)number), to);
  }
}

static void print_part(FILE *to, plan *p, plan *usual, part_kind kind, unsigned index)
{
  const part *of = &PLAN_PARTS[kind];
  const void *here = plan_part(p, kind, index), *there = plan_part(usual, kind, index);
  int is_single = kind < PART_CLIENT, said = 0;
  for (unsigned i = 0; i < of->count; i++) {
    const field *one = &of->fields[i];
    if (i && field_is_equal(one, here, there)) continue;
    if (!i && is_single && field_is_equal(one, here, there)) continue;
    if (!said++) fputs(of->name, to);
    print_value(to, one, here);
  }
  if (said) fputc('\n', to);
}

static void print_client(FILE *to, plan *p, plan *usual, unsigned index)
{
  if (!p->client[index].is_used) return;
  print_part(to, p, usual, PART_CLIENT, index);
  for (unsigned i = 0; i < p->client[index].requests; i++)
    print_part(to, p, usual, PART_REQUEST, index * PLAN_REQUESTS + i);
}

void plan_print(const plan *source, FILE *to)
{
  static plan p, usual;
  p = *source;
  plan_default(&usual);
  for (int kind = 0; kind < PART_CLIENT; kind++) print_part(to, &p, &usual, (part_kind)kind, 0);
  for (unsigned i = 0; i < PLAN_CLIENTS; i++) print_client(to, &p, &usual, i);
  for (unsigned i = 0; i < PLAN_ACTS; i++)
    if (p.act[i].kind) print_part(to, &p, &usual, PART_ACT, i);
  for (unsigned i = 0; i < PLAN_FAULTS; i++)
    if (p.fault[i].is_used) print_part(to, &p, &usual, PART_FAULT, i);
}

/* ---------------------------------------------------------------- reading -- */

static int code_named(const char *text)
{
  enum { LAST = 133 };
  for (int i = 1; i <= LAST; i++) {
    const char *name = lc_code_errno(-i);
    if (name && !strcmp(name, text)) return -i;
  }
  return 0;
}

static lc_time time_of(const char *text)
{
  char *end;
  if (!strcmp(text, "never")) return LC_NEVER;
  if (!strcmp(text, "background")) return LC_LINGER_BACKGROUND;
  lc_time time = strtoll(text, &end, 10) * LC_SECOND, unit = LC_SECOND;
  if (*end != '.') return time;
  for (end++; isdigit((unsigned char)*end); end++) time += (*end - '0') * (unit /= 10);
  return time;
}

static int value_named(field_kind kind, const char *text)
{
  const char *name;
  for (unsigned i = 0; (name = field_value_name(kind, i)); i++)
    if (!strcmp(name, text)) return (int)i;
  return -1;
}

static const char *read_value(const field *one, void *of, const char *text)
{
  char *at = (char *)of + one->offset;
  int number = (int)strtol(text, NULL, 10);
  uint64_t value = strtoull(text, NULL, 10);
  lc_time time = time_of(text);
  if (one->kind == FIELD_LONG) {
    memcpy(at, &value, sizeof value);
    return NULL;
  }
  if (one->kind == FIELD_TIME) {
    memcpy(at, &time, sizeof time);
    return NULL;
  }
  if (one->kind == FIELD_CODE) number = code_named(text);
  else if (one->kind != FIELD_NUMBER) number = value_named(one->kind, text);
  if (one->kind != FIELD_NUMBER && (one->kind == FIELD_CODE ? !number : number < 0))
    return "there is no such value";
  memcpy(at, &number, sizeof number);
  return NULL;
}

/* Where the next part of a kind goes; NULL: there are too many. */
static void *next_part(plan *p, part_kind kind)
{
  plan_client *last = p->clients ? &p->client[p->clients - 1] : NULL;
  unsigned i = 0;
  switch (kind) {
    case PART_CLIENT:
      if (p->clients == PLAN_CLIENTS) return NULL;
      p->client[p->clients].is_used = 1;
      return &p->client[p->clients++];
    case PART_REQUEST:
      return last && last->requests < PLAN_REQUESTS ? &last->asked[last->requests++] : NULL;
    case PART_ACT:
      while (i < PLAN_ACTS && p->act[i].kind) i++;
      return plan_part(p, kind, i);
    case PART_FAULT:
      while (i < PLAN_FAULTS && p->fault[i].is_used) i++;
      if (i < PLAN_FAULTS) p->fault[i].is_used = 1;
      return plan_part(p, kind, i);
    default: return plan_part(p, kind, 0);
  }
}

static const field *field_named(const part *of, const char *name)
{
  for (unsigned i = 0; i < of->count; i++)
    if (!strcmp(of->fields[i].name, name)) return &of->fields[i];
  return NULL;
}

static const char *read_line(plan *p, char *line)
{
  char *rest = NULL, *word = strtok_r(line, " \t\n", &rest);
  int kind = 0;
  if (!word || word[0] == '#') return NULL;
  while (kind < PARTS && strcmp(PLAN_PARTS[kind].name, word) != 0) kind++;
  if (kind == PARTS) return "there is no such part";
  void *of = next_part(p, (part_kind)kind);
  if (!of) return "there are too many of these";
  while ((word = strtok_r(NULL, " \t\n", &rest))) {
    char *value = strchr(word, '=');
    if (!value) return "a field is name=value";
    *value++ = 0;
    const field *one = field_named(&PLAN_PARTS[kind], word);
    const char *problem = one ? read_value(one, of, value) : "there is no such field";
    if (problem) return problem;
  }
  return NULL;
}

unsigned plan_read(plan *p, FILE *from, const char **problem)
{
  char line[LINE];
  plan_default(p);
  p->clients = 0;
  for (unsigned number = 1; fgets(line, sizeof line, from); number++)
    if ((*problem = read_line(p, line))) return number;
  return 0;
}
