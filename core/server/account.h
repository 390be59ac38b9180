/* account.h - counts each connection for the report when its descriptor ends. */
#ifndef LC_ACCOUNT_H
#define LC_ACCOUNT_H

#include "conn/inside.h"

void lc_account_ended(lc_conn *conn, int by_reset);

#endif
