/* code.c - the words for a code: one for scripts to compare, one for people to read. */
#include <limits.h>
#include <string.h>

#include "lastcall.h"

typedef struct word {
  int error;
  const char *name;
  const char *text;
} word;

/* The words of the closing contract. */
static const word contract_words[] = {
  {ENODATA, "eof", "the peer finished cleanly"},
  {ECONNRESET, "reset", "the peer reset the connection"},
  {EPIPE, "broken pipe", "wrote after the peer had left"},
  {ETIME, "timeout", "a deadline passed"},
  {ETIMEDOUT, "peer lost", "the peer no longer answers"},
  {EBADF, "closed", "it was closed on this side"},
  {ESHUTDOWN, "draining", "no new work is begun, for the server is shutting down"},
  {ECANCELED, "canceled", "the operation was canceled"},
  {EMSGSIZE, "too long", "over the size limit"},
  {EDQUOT, "full", "the queue is full"},
  {ENXIO, "host not found", "the host name has no address"},
  {ECONNREFUSED, "refused", "nobody listens there"},
  {EHOSTUNREACH, "unreachable", "no way leads to the host"},
  {ENETUNREACH, "unreachable", "no way leads to the network"},
  {EADDRINUSE, "address in use", "another socket has the address, or a file is there"},
  {EADDRNOTAVAIL, "address not available",
   "the address is not one of this machine, or its ports have run out"},
  {EACCES, "permission denied", "the system does not permit it"},
  {EPERM, "permission denied", "the system does not permit it"},
};

/* The others go by their errno names. Written out, for the names that libc knows are in capitals
 * and a table of our own costs no storage that would have to be guarded. */
/* clang-format off */
static const char *errno_name(int error)
{
  switch (error) {
    case ENOENT: return "enoent";
    case ESRCH: return "esrch";
    case EINTR: return "eintr";
    case EIO: return "eio";
    case E2BIG: return "e2big";
    case ENOEXEC: return "enoexec";
    case ECHILD: return "echild";
    case EAGAIN: return "eagain";
    case ENOMEM: return "enomem";
    case EFAULT: return "efault";
    case ENOTBLK: return "enotblk";
    case EBUSY: return "ebusy";
    case EEXIST: return "eexist";
    case EXDEV: return "exdev";
    case ENODEV: return "enodev";
    case ENOTDIR: return "enotdir";
    case EISDIR: return "eisdir";
    case EINVAL: return "einval";
    case ENFILE: return "enfile";
    case EMFILE: return "emfile";
    case ENOTTY: return "enotty";
    case ETXTBSY: return "etxtbsy";
    case EFBIG: return "efbig";
    case ENOSPC: return "enospc";
    case ESPIPE: return "espipe";
    case EROFS: return "erofs";
    case EMLINK: return "emlink";
    case EDOM: return "edom";
    case ERANGE: return "erange";
    case EDEADLK: return "edeadlk";
    case ENAMETOOLONG: return "enametoolong";
    case ENOLCK: return "enolck";
    case ENOSYS: return "enosys";
    case ENOTEMPTY: return "enotempty";
    case ELOOP: return "eloop";
    case ENOMSG: return "enomsg";
    case EIDRM: return "eidrm";
    case ECHRNG: return "echrng";
    case EL2NSYNC: return "el2nsync";
    case EL3HLT: return "el3hlt";
    case EL3RST: return "el3rst";
    case ELNRNG: return "elnrng";
    case EUNATCH: return "eunatch";
    case ENOCSI: return "enocsi";
    case EL2HLT: return "el2hlt";
    case EBADE: return "ebade";
    case EBADR: return "ebadr";
    case EXFULL: return "exfull";
    case ENOANO: return "enoano";
    case EBADRQC: return "ebadrqc";
    case EBADSLT: return "ebadslt";
    case EBFONT: return "ebfont";
    case ENOSTR: return "enostr";
    case ENOSR: return "enosr";
    case ENONET: return "enonet";
    case ENOPKG: return "enopkg";
    case EREMOTE: return "eremote";
    case ENOLINK: return "enolink";
    case EADV: return "eadv";
    case ESRMNT: return "esrmnt";
    case ECOMM: return "ecomm";
    case EPROTO: return "eproto";
    case EMULTIHOP: return "emultihop";
    case EDOTDOT: return "edotdot";
    case EBADMSG: return "ebadmsg";
    case EOVERFLOW: return "eoverflow";
    case ENOTUNIQ: return "enotuniq";
    case EBADFD: return "ebadfd";
    case EREMCHG: return "eremchg";
    case ELIBACC: return "elibacc";
    case ELIBBAD: return "elibbad";
    case ELIBSCN: return "elibscn";
    case ELIBMAX: return "elibmax";
    case ELIBEXEC: return "elibexec";
    case EILSEQ: return "eilseq";
    case ERESTART: return "erestart";
    case ESTRPIPE: return "estrpipe";
    case EUSERS: return "eusers";
    case ENOTSOCK: return "enotsock";
    case EDESTADDRREQ: return "edestaddrreq";
    case EPROTOTYPE: return "eprototype";
    case ENOPROTOOPT: return "enoprotoopt";
    case EPROTONOSUPPORT: return "eprotonosupport";
    case ESOCKTNOSUPPORT: return "esocktnosupport";
    case EOPNOTSUPP: return "eopnotsupp";
    case EPFNOSUPPORT: return "epfnosupport";
    case EAFNOSUPPORT: return "eafnosupport";
    case ENETDOWN: return "enetdown";
    case ENETRESET: return "enetreset";
    case ECONNABORTED: return "econnaborted";
    case ENOBUFS: return "enobufs";
    case EISCONN: return "eisconn";
    case ENOTCONN: return "enotconn";
    case ETOOMANYREFS: return "etoomanyrefs";
    case EHOSTDOWN: return "ehostdown";
    case EALREADY: return "ealready";
    case EINPROGRESS: return "einprogress";
    case ESTALE: return "estale";
    case EUCLEAN: return "euclean";
    case ENOTNAM: return "enotnam";
    case ENAVAIL: return "enavail";
    case EISNAM: return "eisnam";
    case EREMOTEIO: return "eremoteio";
    case ENOMEDIUM: return "enomedium";
    case EMEDIUMTYPE: return "emediumtype";
    case ENOKEY: return "enokey";
    case EKEYEXPIRED: return "ekeyexpired";
    case EKEYREVOKED: return "ekeyrevoked";
    case EKEYREJECTED: return "ekeyrejected";
    case EOWNERDEAD: return "eownerdead";
    case ENOTRECOVERABLE: return "enotrecoverable";
    case ERFKILL: return "erfkill";
    case EHWPOISON: return "ehwpoison";
    default: return "unknown error";
  }
}
/* clang-format on */

static const word *find(int error)
{
  for (size_t i = 0; i < sizeof contract_words / sizeof *contract_words; i++) {
    if (contract_words[i].error == error) return &contract_words[i];
  }
  return NULL;
}

/* The errno behind a code; 0 for a result that is no failure. */
static int error_of(int code)
{
  if (code == INT_MIN) return INT_MAX; /* has no negative */
  return code < 0 ? -code : 0;
}

const char *lc_code_name(int code)
{
  int error = error_of(code);
  const word *known = find(error);

  if (error == 0) return "ok";
  return known != NULL ? known->name : errno_name(error);
}

const char *lc_code_text(int code)
{
  int error = error_of(code);
  const word *known = find(error);
  const char *text;

  if (error == 0) return "no error";
  if (known != NULL) return known->text;
#if defined(__GLIBC__)
  text = strerrordesc_np(error); /* strerror may use a buffer that the next call overwrites */
#else
  text = strerror(error);
#endif
  return text != NULL ? text : "unknown error";
}

static int is_our_own(int error)
{
  static const int own[] = {-LC_EOF,      -LC_TIMEOUT,  -LC_CLOSED, -LC_DRAINING,
                            -LC_CANCELED, -LC_TOO_LONG, -LC_FULL,   -LC_HOST_NOT_FOUND};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (own[i] == error) return 1;
  }
  return 0;
}

const char *lc_code_errno(int code)
{
  int error = error_of(code);

  if (error == 0 || is_our_own(error)) return NULL;
#if defined(__GLIBC__)
  return strerrorname_np(error);
#else
  return NULL;
#endif
}
