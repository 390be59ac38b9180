/* direct.h - a system call without a function around it.
 *
 * When the kernel returns, the processor has forgotten where the functions on the stack return to,
 * and guesses wrong at each of them: 20 cycles and more. So the two calls of each request have as few
 * functions around them as can be.
 */
#ifndef LC_DIRECT_H
#define LC_DIRECT_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The result, or -errno. */
static inline long lc_sys_direct(long number, long fd, const void *data, size_t size, long flags)
{
#if defined __x86_64__ && defined __LP64__
  long result;
  register long r10 __asm__("r10") = flags;
  register long r8 __asm__("r8") = 0; /* no address */
  register long r9 __asm__("r9") = 0;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(fd), "S"(data), "d"(size), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#else
  long result = syscall(number, fd, data, size, flags, NULL, 0);
  return result < 0 ? -errno : result;
#endif
}

#endif
