/* features.h - what this kernel lets a listener do, found out by doing it once. */
#ifndef LC_FEATURES_H
#define LC_FEATURES_H

#include "sys/sys.h"

/* Opens a TCP socket pair on loopback and finds out whether a listener can be hidden. 0, or the code
 * that kept it from finding out: then it is worth asking again, and hiding worth a try. */
int lc_features_probe(const lc_sys *sys, lc_features *features);

#endif
