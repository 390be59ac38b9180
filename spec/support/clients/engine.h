/* engine.h - one epoll, the alarms, and the two things that happen to everybody:
 * the bell (the server has just been told to stop) and letting go. */
#ifndef CLIENTS_ENGINE_H
#define CLIENTS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct engine;
struct client;
struct temper;

/* An alarm lives inside its owner; `ring` finds the owner from it. */
struct alarm {
  double due;
  size_t place; /* position in the heap plus one; 0 when it is not set */
  void (*ring)(struct engine *engine, struct alarm *alarm);
};

struct engine {
  int epoll_fd;
  int signal_fd;
  double now;     /* monotonic seconds, read after each wait */
  double bell_at; /* when the server was told to stop; negative until then */
  bool hurry;     /* SIGTERM or SIGINT came: everything ends now */
  FILE *
    times; /* a line there for each client that was served: when it began, how many ms it took; or NULL */
  bool names_lost; /* a line on stderr for each client that was lost, or got half a reply */
  struct alarm **heap;
  size_t alarms;
  size_t room;
  struct temper *tempers;
  struct client *dead; /* ended in this turn, freed after it */
};

/* Dies with a message when the system gives no epoll: nothing can be tested then. */
void engine_open(struct engine *engine);
void engine_close(struct engine *engine);

/* Waits until something happens, at most until `deadline`, and handles it. */
void engine_turn(struct engine *engine, double deadline);

/* Sets or moves an alarm; a time in the past rings on the next turn. */
void alarm_set(struct engine *engine, struct alarm *alarm, double due);
void alarm_clear(struct engine *engine, struct alarm *alarm);

double clock_now(void);

/* Prints the message, with errno's text when there is one, and exits with status 3. */
_Noreturn void give_up(const char *what);
void *must_have(void *memory);

#endif
