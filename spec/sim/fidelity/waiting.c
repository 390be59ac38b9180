/* waiting.c - steps that watch, wait, and change the world around. */
#include <string.h>

#include "step.h"

static int control(scene *s, const char *what, lc_poller_deed deed, int fd, uint32_t events)
{
  uint64_t tag = (uint64_t)(uintptr_t)scene_name(s, fd);
  scene_put(s, "%s %s", what, scene_name(s, fd));
  if (deed != LC_POLLER_REMOVE) {
    scene_put(s, " ");
    scene_put_events(s, events);
  }
  return scene_end(s, s->sys->poller_control(s->sys, s->epoll, deed, fd, events, tag));
}

int watches(scene *s, int fd, uint32_t events)
{
  return control(s, "EPOLL_CTL_ADD", LC_POLLER_ADD, fd, events);
}

int rewatches(scene *s, int fd, uint32_t events)
{
  return control(s, "EPOLL_CTL_MOD", LC_POLLER_CHANGE, fd, events);
}

int unwatches(scene *s, int fd) { return control(s, "EPOLL_CTL_DEL", LC_POLLER_REMOVE, fd, 0); }

static const char *name_in(const lc_poll_event *event)
{
  return (const char *)(uintptr_t)event->tag;
}

/* The order in which a kernel tells of several descriptors at once is its own affair. */
static void sort(lc_poll_event *events, int count)
{
  for (int i = 1; i < count; i++) {
    for (int j = i; j > 0 && strcmp(name_in(&events[j]), name_in(&events[j - 1])) < 0; j--) {
      lc_poll_event later = events[j - 1];
      events[j - 1] = events[j];
      events[j] = later;
    }
  }
}

static void put_seen(scene *s, lc_poll_event *events, int count)
{
  sort(events, count);
  scene_put(s, ":%s", count == 0 ? " nothing" : "");
  for (int i = 0; i < count; i++) {
    scene_put(s, "%s %s ", i ? "," : "", name_in(&events[i]));
    scene_put_events(s, events[i].seen);
  }
  scene_put(s, "\n");
}

int looks(scene *s)
{
  lc_poll_event events[32];
  scene_rest(s);
  int count = s->sys->poller_wait(s->sys, s->epoll, events, 32, 0);
  scene_put(s, "look");
  if (count < 0) return scene_end(s, count);
  put_seen(s, events, count);
  return count;
}

int looks_for_one(scene *s)
{
  lc_poll_event event;
  scene_put(s, "look for one event");
  return scene_end(s, s->sys->poller_wait(s->sys, s->epoll, &event, 1, 0));
}

int waits(scene *s, lc_time time)
{
  lc_poll_event events[32];
  lc_time began = s->sys->now(s->sys);
  int count = s->sys->poller_wait(s->sys, s->epoll, events, 32, time);
  lc_time took = s->sys->now(s->sys) - began;
  scene_put(s, "wait%s", count == 0 && took < time ? ", which ends too early" : "");
  if (count < 0) return scene_end(s, count);
  put_seen(s, events, count);
  return count;
}

int polls(scene *s, int fd, short events)
{
  struct pollfd one = {fd, events, 0};
  scene_rest(s);
  int result = s->sys->poll(s->sys, &one, 1, 0);
  scene_put(s, "poll %s", scene_name(s, fd));
  if (result < 0) return scene_end(s, result);
  scene_put(s, ": ");
  if (one.revents & POLLNVAL) scene_put(s, "NVAL");
  else scene_put_events(s, (uint32_t)one.revents); /* the same bits */
  scene_put(s, "\n");
  return result;
}

void passes(scene *s, lc_time time)
{
  s->sys->poll(s->sys, NULL, 0, time);
  notes(s, "%lld ms pass", (long long)(time / LC_MILLISECOND));
}

void begins(scene *s) { s->began = s->sys->now(s->sys); }

void until(scene *s, int milliseconds)
{
  lc_time left = s->began + milliseconds * LC_MILLISECOND - s->sys->now(s->sys);
  if (left > 0) s->sys->poll(s->sys, NULL, 0, left);
  notes(s, "after %d ms", milliseconds);
}

/* -------------------------------------------------------- the world outside -- */

void moves(scene *s, int to_far)
{
  int result = s->on->move(to_far);
  if (result < 0) notes(s, "there is no far host: %s", scene_code(result));
}

/* The number after the next few that are free, which are tried out. */
static int number_after(const scene *s, int few)
{
  int taken[16], count = 0;
  while (count < few && count < 16 && (taken[count] = s->sys->duplicate(s->sys, s->epoll)) >= 0)
    count++;
  int next = s->sys->duplicate(s->sys, s->epoll);
  if (next >= 0) s->sys->close(s->sys, next);
  while (count > 0) s->sys->close(s->sys, taken[--count]);
  return next;
}

int limits(scene *s, int more)
{
  int number = more < 0 ? -1 : number_after(s, more);
  if (more < 0) scene_put(s, "as many descriptors as before");
  else scene_put(s, "%d descriptors more, and no others", more);
  return scene_end(s, s->on->limit(number));
}

int deafens(scene *s, int fd)
{
  scene_put(s, "nothing reaches %s any more", scene_name(s, fd));
  return scene_end(s, s->on->deafen(fd, 1));
}

int heals(scene *s, int fd)
{
  scene_put(s, "packets reach %s again", scene_name(s, fd));
  return scene_end(s, s->on->deafen(fd, 0));
}

void raises(scene *s, int signal)
{
  s->on->raise(signal);
  notes(s, "a signal arrives");
  scene_rest(s);
}
