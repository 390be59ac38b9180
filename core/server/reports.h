/* reports.h - what the connections of a server report to it, and what the server does then. */
#ifndef LC_REPORTS_H
#define LC_REPORTS_H

#include "server/inside.h"

lc_owner lc_reports_owner(const lc_server *server);

#endif
