/* parcel.c - descriptors on their way: those that wait to be sent, and those that came and were not
 * taken. */
#include "conn/parcel.h"

#include <stdlib.h>
#include <string.h>

enum { LOST = -1 }; /* in the row: here others were lost */

static void close_all(const lc_sys *sys, const int *fds, int count)
{
  for (int i = 0; i < count; i++) {
    if (fds[i] != LOST) sys->close(sys, fds[i]);
  }
}

lc_parcels *lc_parcels_need(lc_conn *conn)
{
  lc_conn_extra *extra = conn->extra;
  if (!extra->parcels) {
    extra->parcels = calloc(1, sizeof *extra->parcels);
    if (extra->parcels) extra->parcels->sys = conn->loop->sys;
  }
  return extra->parcels;
}

/* ------------------------------------------------------------------ to be sent -- */

static void parcel_free(lc_parcels *parcels, lc_parcel *parcel)
{
  close_all(parcels->sys, parcel->fds, parcel->count);
  free(parcel);
}

int lc_parcel_add(lc_parcels *parcels, const int *fds, int count, uint64_t at)
{
  const lc_sys *sys = parcels->sys;
  lc_parcel *parcel = malloc(sizeof *parcel + (size_t)count * sizeof *fds);
  if (!parcel) return -ENOMEM;
  *parcel = (lc_parcel){.at = at};
  for (; parcel->count < count; parcel->count++) {
    int copy = sys->duplicate(sys, fds[parcel->count]);
    if (copy < 0) {
      parcel_free(parcels, parcel);
      return copy == -EBADF ? -EINVAL : copy;
    }
    parcel->fds[parcel->count] = copy;
  }
  if (parcels->first) parcels->last->next = parcel;
  else parcels->first = parcel;
  parcels->last = parcel;
  parcels->waiting += count;
  return 0;
}

void lc_parcel_drop_first(lc_parcels *parcels)
{
  lc_parcel *parcel = parcels->first;
  parcels->first = parcel->next;
  parcels->waiting -= parcel->count;
  parcel_free(parcels, parcel);
}

void lc_parcel_drop_last(lc_parcels *parcels)
{
  lc_parcel **link = &parcels->first, *before = NULL, *last = parcels->last;
  while (*link != last) {
    before = *link;
    link = &before->next;
  }
  *link = NULL;
  parcels->last = before;
  parcels->waiting -= last->count;
  parcel_free(parcels, last);
}

void lc_parcels_drop(lc_conn *conn)
{
  lc_parcels *parcels = conn->extra ? conn->extra->parcels : NULL;
  while (parcels && parcels->first) lc_parcel_drop_first(parcels);
}

/* --------------------------------------------------------------------- the row -- */

void lc_row_grow(lc_parcels *parcels, int count, int lost)
{
  parcels->length += count;
  parcels->held += count;
  int is_marked = parcels->length && parcels->row[parcels->length - 1] == LOST;
  if (lost && !is_marked) parcels->row[parcels->length++] = LOST;
}

int lc_row_ready(const lc_parcels *parcels)
{
  int count = 0;
  while (count < parcels->length && parcels->row[count] != LOST) count++;
  return count;
}

int lc_row_give(lc_parcels *parcels, int *fds, int room, int *lost)
{
  int ready = lc_row_ready(parcels), count = ready < room ? ready : room, gone = count;
  memcpy(fds, parcels->row, (size_t)count * sizeof *fds);
  *lost = count == ready && ready < parcels->length;
  if (*lost) gone++;
  parcels->held -= count;
  parcels->length -= gone;
  memmove(parcels->row, parcels->row + gone, (size_t)parcels->length * sizeof *fds);
  return count;
}

static void row_close(lc_parcels *parcels)
{
  close_all(parcels->sys, parcels->row, parcels->length);
  parcels->length = parcels->held = parcels->most = 0;
}

void lc_row_end(lc_conn *conn)
{
  conn->takes_fds = 0;
  if (conn->extra && conn->extra->parcels) row_close(conn->extra->parcels);
}

void lc_parcels_free(lc_conn *conn)
{
  lc_parcels *parcels = conn->extra->parcels;
  if (!parcels) return;
  lc_parcels_drop(conn);
  row_close(parcels);
  free(parcels);
}
