/* shrink.c - leaves out of a plan whatever is not needed for its failure, one thing after the
 * other. */
#include "shrink.h"

#include "plan_fields.h"

typedef struct shrinking {
  run *in;
  plan *best;
  const char *violation; /* that it is to end in */
  unsigned runs;
  int has_shrunk;
} shrinking;

/* Else it would not end when all is well. */
static int shuts_down(const plan *p)
{
  for (int i = 0; i < PLAN_ACTS; i++)
    if (p->act[i].kind == ACT_SIGNAL || p->act[i].kind == ACT_SHUTDOWN) return 1;
  return 0;
}

static int is_same(plan *one, plan *other)
{
  for (part_kind kind = 0; kind < PARTS; kind++) {
    const part *of = &PLAN_PARTS[kind];
    for (unsigned i = 0; plan_part(one, kind, i); i++)
      for (unsigned j = 0; j < of->count; j++)
        if (!field_is_equal(&of->fields[j], plan_part(one, kind, i), plan_part(other, kind, i)))
          return 0;
  }
  return 1;
}

static void consider(shrinking *s, plan *smaller)
{
  if (is_same(smaller, s->best) || !shuts_down(smaller)) return;
  s->runs++;
  if (run_plan(s->in, smaller, NULL) || s->in->violation != s->violation) return;
  *s->best = *smaller;
  s->has_shrunk = 1;
}

/* Each field of a part as it is by default. */
static void plain_fields(shrinking *s, part_kind kind, unsigned index)
{
  static plan usual;
  const part *of = &PLAN_PARTS[kind];
  plan_default(&usual);
  for (unsigned i = 0; i < of->count; i++) {
    plan smaller = *s->best;
    field_copy(&of->fields[i], plan_part(&smaller, kind, index), plan_part(&usual, kind, index));
    consider(s, &smaller);
  }
}

static void fewer_clients(shrinking *s)
{
  for (unsigned i = 0; i < PLAN_CLIENTS; i++) {
    plan smaller = *s->best;
    smaller.client[i].is_used = 0;
    consider(s, &smaller);
    for (unsigned count = 0; count < s->best->client[i].requests; count++) {
      smaller = *s->best;
      smaller.client[i].requests = count;
      consider(s, &smaller);
    }
  }
}

static void fewer_acts_and_faults(shrinking *s)
{
  for (int i = 0; i < PLAN_ACTS; i++) {
    plan smaller = *s->best;
    smaller.act[i].kind = ACT_NONE;
    consider(s, &smaller);
  }
  for (int i = 0; i < PLAN_FAULTS; i++) {
    plan smaller = *s->best;
    smaller.fault[i].is_used = 0;
    consider(s, &smaller);
  }
}

static void plainer(shrinking *s)
{
  for (int kind = 0; kind < PART_CLIENT; kind++) plain_fields(s, (part_kind)kind, 0);
  for (unsigned i = 0; i < PLAN_CLIENTS; i++) {
    if (!s->best->client[i].is_used) continue;
    plain_fields(s, PART_CLIENT, i);
    for (unsigned j = 0; j < s->best->client[i].requests; j++)
      plain_fields(s, PART_REQUEST, i * PLAN_REQUESTS + j);
  }
}

unsigned shrink(run *in, plan *p)
{
  shrinking s = {.in = in, .best = p, .violation = in->violation};
  do {
    s.has_shrunk = 0;
    fewer_clients(&s);
    fewer_acts_and_faults(&s);
    plainer(&s);
  } while (s.has_shrunk);
  return s.runs;
}
