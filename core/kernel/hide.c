/* hide.c - hiding a TCP listener from new clients. */
#include "kernel/hide.h"

#define NO_SUCH_INTERFACE 0x7fffffff

int lc_hide(const lc_sys *sys, int fd)
{
  int nowhere = NO_SUCH_INTERFACE, result;
  LC_RETRY(result,
           sys->setsockopt(sys, fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere));
  return result;
}
