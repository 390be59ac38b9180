/* settings.h - what a connection goes by: its own settings, or those of its owner. */
#ifndef LC_SETTINGS_H
#define LC_SETTINGS_H

#include "conn/inside.h"

lc_conn_extra *lc_conn_need_extra(lc_conn *conn); /* NULL for lack of memory */
void lc_settings_fit(lc_settings *settings);      /* brings `gather` into its bound */
/* How long the peer has for its FIN, or for its goodbye: the settings' linger, or 3 s where that is no time. */
lc_time lc_conn_linger(const lc_conn *conn);

#endif
