/* kernel.h - a simulated kernel behind sys.h: TCP between hosts, on a clock of its own.
 *
 * Nothing in it is left to the machine it runs on: time passes only when somebody waits (or when a
 * system call is made to cost some), and every choice, a lost packet, a late one, an interrupted
 * call, comes from one seed. The same seed and the same calls give the same run, to the nanosecond.
 *
 * A kernel is one network with one clock. A process has descriptors and signals of its own, and a
 * table of system calls (lc_sys) as the core takes it. Processes of one host reach each other
 * without delay, as over loopback: what a call causes there has happened when the call returns.
 * Between hosts, packets take the time that the network says, and may be lost or overtaken. Server
 * and client may be one process, or two; addresses do not name hosts, a port is found wherever
 * somebody listens on it.
 *
 * Calls that wait (epoll_wait, poll, wake_wait) run the simulation meanwhile: packets, timers and
 * whatever was planned with sim_at. What is planned may make calls of any process, but none that
 * waits.
 *
 * Or processes have programs: functions that make calls, and wait, as they like. Then sim_turns
 * runs the simulation, and each wait is one's turn to go on. What a program spawns is a process
 * with another program (sim_kernel_exec).
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include "faults.h"
#include "sys/sys.h"

typedef struct sim_kernel sim_kernel;
typedef struct sim_process sim_process;

/* How packets travel between hosts. Chances are in a thousand. */
typedef struct sim_network {
  lc_time delay;     /* one way, at least */
  lc_time jitter;    /* at most so much more, for each packet: they overtake each other */
  unsigned loss;     /* packets that never arrive */
  unsigned segment;  /* bytes in a packet at most; 0: 1448 */
  unsigned buffer;   /* of a socket, for sending and for receiving, unless set; 0: 64 KiB */
  lc_time ack_delay; /* acknowledgements alone wait at most so long for company; 0: they do not */
  lc_time
    halt; /* processors stand still at most so long at every other packet of a handshake; 0: they do not */
} sim_network;

/* NULL for lack of memory. */
sim_kernel *sim_kernel_new(uint64_t seed);
/* With all processes, whatever they have open. */
void sim_kernel_free(sim_kernel *kernel);
/* Holds for packets sent from now on. All zero at first. */
sim_network *sim_kernel_network(sim_kernel *kernel);

lc_time sim_now(const sim_kernel *kernel);
/* Does the next thing that is to happen, having moved the clock to it. 0 when there is none. */
int sim_step(sim_kernel *kernel);
/* Everything up to and including that moment, and the clock stands there. */
void sim_run(sim_kernel *kernel, lc_time until);
/* Calls `run` at that moment, once; in the order of planning among those of one moment. */
void sim_at(sim_kernel *kernel, lc_time at, void (*run)(void *user), void *user);
/* From the kernel's seed: below `limit`, which is not 0. */
uint64_t sim_random(sim_kernel *kernel, uint64_t limit);

/* A process on a host (any number names one). It may have 1024 descriptors open. */
sim_process *sim_process_new(sim_kernel *kernel, int host);
/* Its system calls; valid as long as the kernel. */
const lc_sys *sim_process_sys(const sim_process *process);
void sim_process_limit(sim_process *process, int descriptors);
/* It has forked: its connections have to be ended before they are closed. */
void sim_process_fork(sim_process *process);
/* Each of its calls takes from 0 to so long; 0 at first, when only waiting takes time. */
void sim_process_cost(sim_process *process, lc_time most);
/* So many of a thousand epoll_waits give an event that tells of nothing new, and so many do not
 * give all that they could, or in another order: as they may where several processors are at
 * work. */
void sim_process_disorder(sim_process *process, unsigned chance);
/* The `nth` call of a kind from now on (1: the next) and `times` - 1 after it fail with `code`
 * (-errno); those that faults.h names and that can. A close() closes all the same. */
void sim_process_fail(sim_process *process, fault_call call, unsigned nth, unsigned times,
                      int code);
unsigned sim_process_failed(const sim_process *process); /* how many did */
/* Sends it a signal, now. Without a watcher it is ignored. */
void sim_process_signal(sim_process *process, int number);
int sim_process_descriptors(const sim_process *process); /* how many are open */
/* Ends as by SIGKILL: everything is closed. */
void sim_process_kill(sim_process *process);
/* Its host is gone from the network without a word: nothing is sent or received any more. */
void sim_process_vanish(sim_process *process);
/* Opens a file of so many bytes, which `fill` makes when they are read: a descriptor, or
 * -EMFILE. */
typedef void sim_fill(void *user, uint64_t offset, char *bytes, size_t size);
int sim_disk_open(sim_process *process, uint64_t size, sim_fill *fill, void *user);
/* Without sim_kernel_exec its children are thin: they do nothing, and end. The arguments of one
 * are its life in milliseconds ("-": no end) and its exit status; a third, "deaf", makes it
 * ignore SIGTERM. Any other signal, and SIGTERM else, ends it at once. How many have not been
 * waited for: */
unsigned sim_process_children(const sim_process *process);
/* It goes to another host; what it has opened already stays where it is. */
void sim_process_move(sim_process *process, int host);
/* A unix connection between two processes, as a child has one with its parent: 0, or a code. */
int sim_process_pair(sim_process *one, sim_process *other, int fds[2]);
/* From now on nothing that is sent to this TCP socket arrives; or it does again. 0, or a code. */
int sim_process_deafen(sim_process *process, int fd, int on);

/* ---- programs */

/* The process runs a function, from the next turn on, and ends with it. The stack is the
 * caller's, as long as the kernel. */
void sim_process_run(sim_process *process, void (*run)(void *user), void *user, void *stack,
                     size_t size);
/* Lets programs run, and time pass, until that moment, or until all of them have ended or wait
 * for good. */
void sim_turns(sim_kernel *kernel, lc_time until);
/* Called by programs: others go on meanwhile. */
void sim_pause(sim_process *process, lc_time time);
void sim_process_exit(sim_process *process, int status);
/* Its program ends, or has never begun. */
int sim_process_is_over(const sim_process *process);
/* It is killed as it makes this one of its calls, counted from now on; 0: at once. */
void sim_process_crash(sim_process *process, uint64_t number);
int sim_process_has_crashed(const sim_process *process); /* in this way */
void sim_kernel_on_crash(sim_kernel *kernel, void (*crashed)(void *user, sim_process *process),
                         void *user);
int sim_process_id(const sim_process *process);
/* What starts a child's program: 0, or a code. The child has its descriptors already. */
typedef int sim_exec(void *user, sim_process *child, const lc_subprocess_options *options);
void sim_kernel_exec(sim_kernel *kernel, sim_exec *exec, void *user);
/* The number of the names that sockets have left in the file system, or have there. */
unsigned sim_kernel_paths(const sim_kernel *kernel, void (*each)(void *user, const char *name),
                          void *user);
/* A file that open_file finds, and that says when it was modified. Put again, it is another one. */
void sim_disk_put(sim_kernel *kernel, const char *path, uint64_t size, lc_time modified);
/* The descriptor `there` of the process becomes `fd` of another one; -EBADF: that is not open. */
int sim_process_give(sim_process *from, int fd, sim_process *to, int there);

/* Calls `changed` each time that the state of the socket may have changed, as epoll would hear of
 * it. For code that acts by sim_at instead of waiting. NULL: no call. `changed` may make calls. */
void sim_process_notify(sim_process *process, int fd, void (*changed)(void *user), void *user);

#endif
