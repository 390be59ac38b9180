/* unix.h - unix-domain sockets, their names, and locks of directories. */
#ifndef SIM_UNIX_H
#define SIM_UNIX_H

#include <sys/un.h>

#include "inside.h"

typedef struct sim_unix sim_unix;

/* A name of a socket, which is a file unless its first byte is zero. */
struct sim_path {
  sim_path *next;
  sim_unix *socket; /* NULL: it is closed */
  uint64_t inode;
  size_t size;
  char name[sizeof((struct sockaddr_un *)NULL)->sun_path];
};

typedef struct sim_message {
  struct sim_message *next;
  char *bytes;
  size_t size, read;
  sim_file **files; /* a reference of each */
  int file_count;
} sim_message;

struct sim_unix {
  sim_file file;
  uint8_t state; /* TCP_CLOSE, TCP_LISTEN, TCP_ESTABLISHED */
  int is_dead;   /* its last descriptor is closed */
  sim_unix *peer;
  sim_path *name;     /* that it was bound to, while it is there */
  lc_address address; /* of length 0: none */
  sim_message *first, *last;
  uint64_t unread;
  size_t memory; /* of what it has sent and the peer has not read */
  unsigned send_buffer;
  int shutdown;
  int error; /* to be told once; positive */
  struct linger linger;
  sim_unix *queue, *next_queued; /* of a listener */
  unsigned queued, backlog;
};

sim_unix *sim_unix_new(sim_process *process);
sim_unix *sim_unix_of(sim_file *file); /* NULL: of another kind */
void sim_unix_release(sim_unix *un);
uint32_t sim_unix_poll(const sim_unix *un);
int sim_unix_bind(sim_unix *un, const struct sockaddr *address, socklen_t length);
int sim_unix_listen(sim_unix *un, int backlog);
int sim_unix_accept(sim_process *process, sim_unix *un, struct sockaddr *address,
                    socklen_t *length);
int sim_unix_connect(sim_unix *un, const struct sockaddr *address, socklen_t length);
int sim_unix_name(const sim_unix *un, int of_peer, struct sockaddr *address, socklen_t *length);
int sim_unix_shutdown(sim_unix *un, int how);
ssize_t sim_unix_sendmsg(sim_process *process, sim_unix *un, const struct msghdr *message);
ssize_t sim_unix_recvmsg(sim_process *process, sim_unix *un, struct msghdr *message, int flags);
int sim_unix_setsockopt(sim_unix *un, int level, int name, const void *value, socklen_t length);
int sim_unix_getsockopt(sim_unix *un, int level, int name, void *value, socklen_t *length);
int sim_socketpair(sim_process *process, int fds[2]);

int sim_path_find(sim_kernel *kernel, const struct sockaddr *address, socklen_t length,
                  sim_path **path);
void sim_path_leave(sim_unix *un); /* it is closed */
int sim_path_identity(const lc_sys *sys, const char *name, lc_file_identity *identity);
int sim_path_unlink(const lc_sys *sys, const char *name);
int sim_path_rename(const lc_sys *sys, const char *from, const char *to);

struct sim_lock {
  sim_file file;
  sim_lock *next;
  sim_path of; /* the directory's name */
};

int sim_lock_directory(sim_process *process, const char *path);
void sim_lock_release(sim_lock *lock);

#endif
