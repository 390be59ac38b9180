/* lastcall/code.h - the codes that functions return when they fail: negative errno values. */
#ifndef LASTCALL_CODE_H
#define LASTCALL_CODE_H

#include <errno.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LC_AGAIN (-EAGAIN)         /* cannot go on yet: wait for `ready` */
#define LC_EOF (-ENODATA)          /* the peer has sent its FIN */
#define LC_RESET (-ECONNRESET)     /* the peer has reset the connection */
#define LC_BROKEN_PIPE (-EPIPE)    /* a write after the peer had closed */
#define LC_TIMEOUT (-ETIME)        /* a deadline of ours has passed */
#define LC_PEER_LOST (-ETIMEDOUT)  /* keepalive, user timeout or heartbeat found the peer gone */
#define LC_CLOSED (-EBADF)         /* we have closed the connection */
#define LC_DRAINING (-ESHUTDOWN)   /* this would begin new work while the server drains */
#define LC_CANCELED (-ECANCELED)   /* the operation was canceled */
#define LC_TOO_LONG (-EMSGSIZE)    /* over the limit that the caller or the options set */
#define LC_FULL (-EDQUOT)          /* a queue is full */
#define LC_HOST_NOT_FOUND (-ENXIO) /* the name has no address */

/* Of encrypted connections. */
#define LC_TRUNCATED (-ENOLINK)      /* the peer's FIN came, and its encrypted goodbye did not */
#define LC_HANDSHAKE (-EBADE)        /* the handshake failed */
#define LC_NOT_TLS (-EPROTOTYPE)     /* one side speaks TLS, the other does not */
#define LC_UNTRUSTED (-EKEYREJECTED) /* nobody whom we trust vouches for the certificate */
#define LC_EXPIRED (-EKEYEXPIRED)    /* the certificate's time is over, or has not begun */
#define LC_REVOKED (-EKEYREVOKED)    /* the certificate was revoked */
#define LC_WRONG_NAME (-ENOTUNIQ)    /* the certificate is for another name */

/* The word of doc/contract.md for a code ("reset", "peer lost", "address in use"). For any other
 * code, the name of the errno in lower case ("emfile"). Static storage. */
const char *lc_code_name(int code);
/* A sentence fragment for people, as strerror gives. Static storage. */
const char *lc_code_text(int code);
/* "ECONNRESET" for a code that the kernel reports. NULL for codes of our own and for unknown
 * numbers. */
const char *lc_code_errno(int code);

#ifdef __cplusplus
}
#endif

#endif
