/* hide.c - hiding a TCP listener from new clients. */
#include "kernel/hide.h"

#define NO_SUCH_INTERFACE 0x7fffffff

/* Another process that has the socket may have hidden it. A second time needs a privilege. */
static int is_hidden(const lc_sys *sys, int fd)
{
  int where = 0;
  socklen_t length = sizeof where;
  return sys->getsockopt(sys, fd, SOL_SOCKET, SO_BINDTOIFINDEX, &where, &length) == 0 &&
         where == NO_SUCH_INTERFACE;
}

int lc_hide(const lc_sys *sys, int fd)
{
  int nowhere = NO_SUCH_INTERFACE, result;
  if (is_hidden(sys, fd)) return 0;
  LC_RETRY(result,
           sys->setsockopt(sys, fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere));
  return result;
}
