/* scene.h - a scene: a few steps on `lc_sys` whose calls, results and events are written down, to
 * be played on the real kernel and on the simulated one.
 *
 * What is written must be the same whenever the kernels behave alike: descriptors go by the names
 * the scene gives them, addresses and times are not written, and what is counted is either exact on
 * any machine (the bytes of a short text) or put into a word ("some"). After each step the network
 * comes to rest, as far as it does so by itself; what needs longer, the scene waits for.
 */
#ifndef SCENE_H
#define SCENE_H

#include <sys/epoll.h>
#include "sys/sys.h"

enum { SCENE_TEXT = 16 * 1024, SCENE_NAMES = 256 };

/* What a scene needs beside `lc_sys`: the world around the process. */
typedef struct stage {
  const char *name;
  const lc_sys *sys;
  /* Descriptors are to be less than this; negative: as before. 0, or a code. */
  int (*limit)(int number);
  /* From now on nothing that is sent to this socket arrives there (or does again): 0, or a code. */
  int (*deafen)(int fd, int on);
  void (*raise)(int signal); /* one arrives */
  /* Sockets opened from now on are on the far host (or on this one again): 0, or a code. */
  int (*move)(int to_far);
  int is_apart; /* there are two hosts, at a distance */
  lc_time rest; /* how long the network takes to come to rest */
} stage;

/* What a filter may deny to the real kernel's processes. */
enum { SCENE_HIDES = 1, SCENE_COUNTS = 2 };

typedef struct scene {
  const stage *on;
  const lc_sys *sys;
  int epoll;
  unsigned asks; /* for which of these: bits */
  lc_time began;
  const char *names[SCENE_NAMES]; /* of descriptors that are, or were, open */
  char is_open[SCENE_NAMES];
  size_t length;
  char text[SCENE_TEXT];
} scene;

/* The steps. Each does what its name says, writes a line, and gives what the kernel gave. */

int opens(scene *s, const char *name, int family); /* a stream socket */
int binds(scene *s, int fd);                       /* to a free port of loopback */
int binds_beside(scene *s, int fd, int other);     /* to the address that `other` has */
int listens(scene *s, int fd, int backlog);
int listener(scene *s, const char *name, int backlog); /* opens, binds and listens; no line */
int accepts(scene *s, int fd, const char *name);
int connects(scene *s, int fd, int to);
int client(scene *s, const char *name, int to); /* opens and connects; no line */
void pair(scene *s, int *one, int *other);      /* and nobody listens any more; no line */

ssize_t sends(scene *s, int fd, const char *text);
ssize_t receives(scene *s, int fd, size_t most); /* writes down what came, too */
ssize_t peeks(scene *s, int fd, size_t most);
size_t fills(scene *s, int fd);                   /* until the kernel takes no more */
size_t fills_up(scene *s, int fd);                /* the same at a distance, until nothing moves */
size_t sends_much(scene *s, int fd, size_t size); /* as much of it as the kernel takes */
/* Until so much has come, waiting for it: whether it did. */
int drains_all(scene *s, int fd, size_t expected);
size_t drains(scene *s, int fd, size_t expected); /* until there is nothing, or an end */
int shuts(scene *s, int fd, int how);
int closes(scene *s, int fd);
int resets(scene *s, int fd); /* SO_LINGER of 0, and closes */
int duplicates(scene *s, int fd, const char *name);

/* Unix-domain sockets: bound to a name that the kernel chooses, or to one path. */
int binds_unix(scene *s, int fd);
int binds_path(scene *s, int fd);
int connects_path(scene *s, int fd);
int unlinks_path(scene *s);
int unix_listener(scene *s, const char *name, int backlog);
int unix_client(scene *s, const char *name, int to);
void unix_pair(scene *s, int *one, int *other);
enum { SCENE_FDS = 8 };
ssize_t sends_with(scene *s, int fd, const char *text, int count, const int *fds);
/* With room for so many descriptors, which are called "passed": how many came. */
int receives_with(scene *s, int fd, size_t most, int room, int *fds);

int unread(scene *s, int fd);
int unacked(scene *s, int fd);
int error_of(scene *s, int fd); /* SO_ERROR */
int gets(scene *s, int fd, const char *what, int level, int name);
int sets(scene *s, int fd, const char *what, int level, int name, int value);
int hides(scene *s, int fd);                 /* a listener, from who has not connected yet */
int names_peer(scene *s, int fd, int other); /* whether its peer's address is that one's own */
int queue_of(scene *s, int fd);              /* how many have not been accepted, by TCP_INFO */
int repeats_of(scene *s, int fd);            /* whether it sent anything again, by TCP_INFO */
int drops_of(scene *s, int fd);  /* whether a listener has refused anybody for want of room */
int half_open(scene *s, int fd); /* handshakes under way on its port, by sock_diag */

int watches(scene *s, int fd, uint32_t events);
int rewatches(scene *s, int fd, uint32_t events);
int unwatches(scene *s, int fd);
/* Asks epoll without waiting, and writes down whatever it says, one line for all. */
int looks(scene *s);
/* The same with room for one event: how many it says, for which comes first is the kernel's
 * affair. */
int looks_for_one(scene *s);
/* Waits for epoll at most so long: whether it said something, and that it did not return early. */
int waits(scene *s, lc_time time);
int polls(scene *s, int fd, short events); /* without waiting */

void passes(scene *s, lc_time time);
/* The scene's clock begins, or begins anew; and waits until it shows so many milliseconds. */
void begins(scene *s);
void until(scene *s, int milliseconds);
/* Until nothing is unacknowledged, or no longer than so. */
int waits_acked(scene *s, int fd, lc_time most);

void moves(scene *s, int to_far);
int limits(scene *s, int more);
int deafens(scene *s, int fd);
int heals(scene *s, int fd);
void raises(scene *s, int signal);
/* A line of the scene's own. */
void notes(scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In this order in each file of scenes; the list ends with a scene without a name. */
typedef struct scene_entry {
  const char *name;
  void (*play)(scene *s);
} scene_entry;

extern const scene_entry HANDSHAKE_SCENES[], LISTENER_SCENES[], TRANSFER_SCENES[], ENDING_SCENES[],
  EDGE_SCENES[], DESCRIPTOR_SCENES[], OPTION_SCENES[], LOSS_SCENES[], UNIX_SCENES[],
  DISTANCE_SCENES[];

/* What hosts at a distance are called: this one, and the far one. Scenes without a far host are on
 * loopback. */
#define SCENE_NEAR 0x0a4d0001 /* 10.77.0.1 */
#define SCENE_FAR 0x0a4d0002

/* Plays one; everything it opened is closed afterwards. */
void scene_play(scene *s, const stage *on, const scene_entry *entry);

/* `rest` as given. For scenes at a distance, there are two network namespaces, by their paths;
 * NULL: there is no such thing. */
stage stage_linux(lc_time rest, const char *near, const char *far);
/* A new simulated kernel, until the next one; with two hosts, at a distance of 200 ms of round
 * trip. */
stage stage_sim(int is_apart);

#endif
