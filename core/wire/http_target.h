/* http_target.h - the target of a request, taken apart; and what a host may look like. */
#ifndef LC_HTTP_TARGET_H
#define LC_HTTP_TARGET_H

#include "lastcall.h"

/* Finds method_known, path and query, and of a URL the host. */
lc_http_fault lc_http_target_read(lc_http_head *head, const char *data);

/* Whether it is a host, with or without a port. It may be empty: then there is no port either. */
int lc_http_is_host(const char *text, size_t length);

#endif
