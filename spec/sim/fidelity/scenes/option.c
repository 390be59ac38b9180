/* option.c - scenes of options: what is set is what is got, and what an accepted socket
 * inherits. */
#include <netinet/tcp.h>

#include "../scene.h"

static void reads_settings(scene *s, int fd)
{
  gets(s, fd, "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE);
  gets(s, fd, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE);
  gets(s, fd, "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL);
  gets(s, fd, "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT);
  gets(s, fd, "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT);
  gets(s, fd, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
}

static void makes_settings(scene *s, int fd)
{
  sets(s, fd, "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1);
  sets(s, fd, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 30);
  sets(s, fd, "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 10);
  sets(s, fd, "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 3);
  sets(s, fd, "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 60000);
  sets(s, fd, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1);
}

static void what_is_set_is_what_is_got(scene *s)
{
  int lonely = opens(s, "lonely", AF_INET);
  gets(s, lonely, "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE);
  gets(s, lonely, "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT);
  gets(s, lonely, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
  gets(s, lonely, "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN);
  gets(s, lonely, "SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX);
  makes_settings(s, lonely);
  reads_settings(s, lonely);
}

static void an_accepted_socket_inherits(scene *s)
{
  int door = listener(s, "door", 16);
  makes_settings(s, door);
  client(s, "caller", door);
  int server = accepts(s, door, "server");
  reads_settings(s, server);
  sets(s, door, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 77);
  gets(s, server, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE);
}

static void settings_that_the_kernel_refuses(scene *s)
{
  int lonely = opens(s, "lonely", AF_INET);
  sets(s, lonely, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 0);
  sets(s, lonely, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 100000);
  sets(s, lonely, "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 200);
  sets(s, lonely, "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, -1);
  sets(s, lonely, "an option that is none", IPPROTO_TCP, 9999, 1);
}

static void a_linger_that_is_too_short_to_be_one(scene *s)
{
  int one, other;
  pair(s, &one, &other);
  makes_settings(s, one);
  sets(s, one, "SO_LINGER's time alone", SOL_SOCKET, SO_LINGER, 1);
  resets(s, one);
  receives(s, other, 1);
}

const scene_entry OPTION_SCENES[] = {
  {"what is set is what is got", what_is_set_is_what_is_got},
  {"an accepted socket inherits settings", an_accepted_socket_inherits},
  {"settings that the kernel refuses", settings_that_the_kernel_refuses},
  {"a linger that is too short to be one", a_linger_that_is_too_short_to_be_one},
  {0},
};
