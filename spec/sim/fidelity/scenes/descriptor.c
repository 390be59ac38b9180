/* descriptor.c - scenes of descriptors: their numbers, their limit, and what is not one. */
#include <signal.h>

#include "../scene.h"

static void the_lowest_free_number_is_taken(scene *s)
{
  int a = opens(s, "a", AF_INET), b = opens(s, "b", AF_INET), c = opens(s, "c", AF_INET);
  notes(s, "one after the other: %s", b == a + 1 && c == b + 1 ? "yes" : "no");
  closes(s, a);
  closes(s, b);
  int d = opens(s, "d", AF_INET);
  int e = duplicates(s, c, "e");
  notes(s, "those that were free: %s", d == a && e == b ? "yes" : "no");
}

static void an_accepted_one_takes_the_lowest_number(scene *s)
{
  int door = listener(s, "door", 16), gap = opens(s, "gap", AF_INET);
  client(s, "caller", door);
  closes(s, gap);
  notes(s, "the one that was free: %s", accepts(s, door, "server") == gap ? "yes" : "no");
}

static void closed_twice(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  closes(s, one);
  closes(s, one);
  receives(s, one, 10);
  sends(s, one, "hello");
  shuts(s, one, SHUT_WR);
  unread(s, one);
  unacked(s, one);
  accepts(s, one, "nobody");
  listens(s, one, 4);
  error_of(s, one);
  duplicates(s, one, "again");
}

static void no_descriptor_to_be_had(scene *s)
{
  int door = listener(s, "door", 16);
  client(s, "first", door);
  client(s, "second", door);
  watches(s, door, EPOLLIN | EPOLLET);
  looks(s);
  limits(s, 1);
  int server = accepts(s, door, "server");
  accepts(s, door, "nobody");
  opens(s, "nothing", AF_INET);
  duplicates(s, door, "nothing");
  queue_of(s, door);
  looks(s);
  closes(s, server);
  looks(s);
  int next = accepts(s, door, "next");
  accepts(s, door, "nobody");
  closes(s, next);
  accepts(s, door, "nobody");
  limits(s, 0);
  accepts(s, door, "nobody");
  limits(s, -1);
}

static void waking(scene *s)
{
  int wake = s->sys->wake_create(s->sys);
  s->names[wake] = "wake";
  s->is_open[wake] = 1;
  watches(s, wake, EPOLLIN | EPOLLET);
  looks(s);
  s->sys->wake(s->sys, wake);
  looks(s);
  looks(s);
  s->sys->wake(s->sys, wake);
  s->sys->wake(s->sys, wake);
  looks(s);
  s->sys->wake_clear(s->sys, wake);
  looks(s);
  notes(s, "clearing what is clear: %d", s->sys->wake_clear(s->sys, wake));
  notes(s, "waiting in vain: %d", s->sys->wake_wait(s->sys, wake, LC_MILLISECOND));
  s->sys->wake(s->sys, wake);
  notes(s, "waiting when woken: %d", s->sys->wake_wait(s->sys, wake, LC_MILLISECOND));
  looks(s);
}

static void a_signal_wakes_its_owner(scene *s)
{
  int wake = s->sys->wake_create(s->sys);
  lc_signal_seen seen = {0};
  s->names[wake] = "wake";
  s->is_open[wake] = 1;
  watches(s, wake, EPOLLIN | EPOLLET);
  notes(s, "watch: %d", s->sys->signal_watch(s->sys, SIGUSR2, wake));
  notes(s, "again: %d", s->sys->signal_watch(s->sys, SIGUSR2, wake));
  notes(s, "SIGKILL: %d", s->sys->signal_watch(s->sys, SIGKILL, wake));
  looks(s);
  raises(s, SIGUSR2);
  looks(s);
  raises(s, SIGUSR2);
  looks(s);
  notes(s, "peek: %d", s->sys->signal_peek(s->sys, SIGUSR2, &seen));
  notes(s, "count %u, presses %u", seen.count, seen.presses);
  notes(s, "take: %d", s->sys->signal_take(s->sys, SIGUSR2, &seen));
  notes(s, "count %u, presses %u", seen.count, seen.presses);
  notes(s, "take: %d", s->sys->signal_take(s->sys, SIGUSR2, &seen));
  notes(s, "count %u, presses %u", seen.count, seen.presses);
  passes(s, 150 * LC_MILLISECOND);
  raises(s, SIGUSR2);
  passes(s, 150 * LC_MILLISECOND);
  raises(s, SIGUSR2);
  notes(s, "take: %d", s->sys->signal_take(s->sys, SIGUSR2, &seen));
  notes(s, "count %u, presses %u", seen.count, seen.presses);
  notes(s, "apart: %s", seen.last_at - seen.first_at >= 150 * LC_MILLISECOND ? "yes" : "no");
  notes(s, "release: %d", s->sys->signal_release(s->sys, SIGUSR2));
  notes(s, "release: %d", s->sys->signal_release(s->sys, SIGUSR2));
  notes(s, "take: %d", s->sys->signal_take(s->sys, SIGUSR2, &seen));
}

const scene_entry DESCRIPTOR_SCENES[] = {
  {"the lowest free number is taken", the_lowest_free_number_is_taken},
  {"an accepted one takes the lowest number", an_accepted_one_takes_the_lowest_number},
  {"closed twice", closed_twice},
  {"no descriptor to be had", no_descriptor_to_be_had},
  {"waking", waking},
  {"a signal wakes its owner", a_signal_wakes_its_owner},
  {0},
};
