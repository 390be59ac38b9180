/* path.c - the path of a unix-domain socket that several processes share: one of them removes
 * it. */
#include "base/address.h"
#include "lastcall.h"
#include "listen/unix_path.h"
#include "loop/loop.h"

int lc_path_identity(lc_loop *loop, const lc_address *path, uint64_t *device, uint64_t *inode)
{
  lc_file_identity file = {0};
  if (!lc_address_is_path(path)) return -EINVAL;
  int result = loop->sys->file_identity(loop->sys, path->of.un.sun_path, &file);
  if (result < 0) return result;
  *device = file.device;
  *inode = file.inode;
  return file.is_socket ? 0 : -ENOTSOCK;
}

void lc_path_remove(lc_loop *loop, const lc_address *path, uint64_t device, uint64_t inode)
{
  lc_file_identity file = {.device = device, .inode = inode, .is_socket = 1};
  if (lc_address_is_path(path)) lc_unix_path_remove(loop->sys, path, &file);
}
