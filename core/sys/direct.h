/* direct.h - a system call without a function around it.
 *
 * When the kernel returns, the processor has forgotten where the functions on the stack return to,
 * and guesses wrong at each of them: 20 cycles and more. So the two calls of each request have as few
 * functions around them as can be.
 *
 * libc's functions set errno, which a child that shares this thread's memory has in common with it. These
 * do not, where LC_SYS_IS_DIRECT is 1.
 */
#ifndef LC_DIRECT_H
#define LC_DIRECT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if (defined __x86_64__ && defined __LP64__) || defined __aarch64__
#define LC_SYS_IS_DIRECT 1
#else
#define LC_SYS_IS_DIRECT 0
#endif

/* The result, or -errno. The fifth and the sixth argument are 0. */
static inline long lc_sys_call(long number, long a, long b, long c, long d)
{
#if defined __x86_64__ && defined __LP64__
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = 0;
  register long r9 __asm__("r9") = 0;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined __aarch64__
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = 0;
  register long x5 __asm__("x5") = 0;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
                   : "memory", "cc");
  return x0;
#else
  long result = syscall(number, a, b, c, d, 0L, 0L);
  return result < 0 ? -errno : result;
#endif
}

/* A transfer, with no address. */
static inline long lc_sys_direct(long number, long fd, const void *data, size_t size, long flags)
{
  return lc_sys_call(number, fd, (long)(uintptr_t)data, (long)size, flags);
}

#endif
