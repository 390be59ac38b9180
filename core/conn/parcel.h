/* parcel.h - descriptors on their way: those that wait to be sent, and those that came and were not
 * taken.
 *
 * A parcel is what one call sends: duplicates, and the number of the byte that they go with. What
 * came lies in one row, with a mark where others were lost.
 */
#ifndef LC_PARCEL_H
#define LC_PARCEL_H

#include "conn/inside.h"

typedef struct lc_parcel {
  struct lc_parcel *next;
  uint64_t at; /* how many bytes of the connection are sent before its byte */
  int count;
  int fds[];
} lc_parcel;

/* The longest row: a mark before and behind each descriptor. */
#define LC_ROW_MOST (2 * LC_FDS_MOST + 1)

typedef struct lc_parcels {
  const lc_sys *sys; /* the connection may outlive its loop */
  lc_parcel *first, *last;
  int waiting; /* descriptors in all parcels */
  int most;    /* of those that came and are kept */
  int held;
  int length; /* of the row */
  int row[LC_ROW_MOST];
} lc_parcels;

lc_parcels *lc_parcels_need(lc_conn *conn); /* NULL: no memory */

/* Appends a parcel of duplicates for the byte number `at`. Returns 0 or a code. */
int lc_parcel_add(lc_parcels *parcels, const int *fds, int count, uint64_t at);
void lc_parcel_drop_first(lc_parcels *parcels);
void lc_parcel_drop_last(lc_parcels *parcels);
void lc_parcels_drop(lc_conn *conn); /* all that wait to be sent */

/* The descriptors at the end of the row have come; `lost`: others that came with them are lost. */
void lc_row_grow(lc_parcels *parcels, int count, int lost);
int lc_row_give(lc_parcels *parcels, int *fds, int room, int *lost);
int lc_row_ready(const lc_parcels *parcels); /* how many it gives */
/* No more are accepted, and those that came are closed. */
void lc_row_end(lc_conn *conn);
void lc_parcels_free(lc_conn *conn); /* everything */

#endif
