/* settings.h - the settings of a connection: its own, or those of its owner. */
#ifndef LC_SETTINGS_H
#define LC_SETTINGS_H

#include "conn/inside.h"

lc_conn_extra *lc_conn_need_extra(lc_conn *conn); /* NULL for lack of memory */
void lc_settings_fit(lc_settings *settings);      /* limits `gather` */
/* How long the peer has for its FIN, or for its goodbye: the linger of the settings, or 3 s when
 * that is no time. */
lc_time lc_conn_linger(const lc_conn *conn);

#endif
