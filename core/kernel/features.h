/* features.h - finds out what this kernel lets a listener do, by trying it once. */
#ifndef LC_FEATURES_H
#define LC_FEATURES_H

#include "sys/sys.h"

/* Opens TCP sockets on loopback and finds out whether a listener can be hidden. Returns 0, or the
 * code that prevented the test: then asking again is worth while, and so is trying to hide. */
int lc_features_probe(const lc_sys *sys, lc_features *features);

#endif
