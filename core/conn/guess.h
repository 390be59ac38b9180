/* guess.h - the protocol of a connection whose units only its tasks know. It guesses the units from
 * what the tasks wait for. */
#ifndef LC_GUESS_H
#define LC_GUESS_H

#include "conn/protocol.h"

extern const lc_protocol lc_guess;

#endif
